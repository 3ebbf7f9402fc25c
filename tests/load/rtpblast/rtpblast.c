/* rtpblast: the far end of many calls' media, cheap enough to leave the machine to the system under test.
 *
 *   rtpblast FIRST_PORT COUNT
 *
 * Binds COUNT even UDP ports on 127.0.0.1 from FIRST_PORT on, sends a G.711 packet every 20 ms from each one
 * that has a destination, and measures what arrives. One thread: a timerfd for sending, epoll for receiving.
 *
 * Standard input, a command a line:     Standard output, a line of JSON each:
 *   to PORT HOST:PORT   send there        {"ready": COUNT}
 *   off PORT            stop sending
 *   reset               forget figures
 *   report              print figures     {"sent":…, "late_ticks":…, "ports":[…]}
 *   quit                (or end of file)
 *
 * A gap is the time between two packets from the kernel's receive timestamps (SO_TIMESTAMPNS), so our own
 * scheduling doesn't count. Gaps go into a histogram of 0.1 ms bins, one for all ports and a maximum for each.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { SAMPLES = 160, HEADER = 12, BATCH = 32, PACKET = 1500, BINS = 20000, TONES = 8 };
static const int64_t TICK_NS = 20 * 1000 * 1000;
static const int64_t BIN_NS = 100 * 1000;

struct port {
    int fd;
    uint16_t number;
    struct sockaddr_in to; /* sin_port 0: silent */
    uint32_t ssrc, timestamp;
    uint16_t sequence;
    uint64_t sent, received, lost, reordered, voiced;
    int64_t last_ns, max_gap_ns;
    int seen;
    uint16_t expected;
};

static struct port *ports;
static int port_count, first_port;
static uint64_t histogram[BINS], late_ticks, ticks, send_errors;
static uint8_t tone[TONES][SAMPLES];

static void die(const char *what) {
    fprintf(stderr, "rtpblast: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* G.711 mu-law, by the segment search of the recommendation's appendix. */
static uint8_t ulaw(int sample) {
    int sign = sample < 0 ? 0x80 : 0;
    int magnitude = (sample < 0 ? -sample : sample) + 0x84;
    if (magnitude > 0x7FFF) magnitude = 0x7FFF;
    int exponent = 7;
    for (int mask = 0x4000; exponent > 0 && !(magnitude & mask); mask >>= 1) exponent--;
    return (uint8_t)~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0F));
}

/* 400, 450 … 750 Hz: a whole number of periods fits in 20 ms, so one packet repeats without a click. No libm. */
static void make_tones(void) {
    for (int t = 0; t < TONES; t++) {
        int hertz = 400 + 50 * t;
        int64_t phase = 0; /* in 1/65536 of a period */
        for (int i = 0; i < SAMPLES; i++) {
            int64_t x = phase < 32768 ? phase : phase - 32768; /* a parabola is sine enough, 4 % distortion */
            int64_t y = x * (32768 - x) / 32768;
            tone[t][i] = ulaw((int)(phase < 32768 ? y : -y));
            phase = (phase + (int64_t)hertz * 65536 / 8000) % 65536;
        }
    }
}

static void open_ports(void) {
    ports = calloc((size_t)port_count, sizeof *ports);
    if (!ports) die("calloc");
    for (int i = 0; i < port_count; i++) {
        struct port *port = &ports[i];
        port->number = (uint16_t)(first_port + 2 * i);
        port->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (port->fd < 0) die("socket");
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port->number)};
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (bind(port->fd, (struct sockaddr *)&at, sizeof at) < 0) die("bind");
        int on = 1;
        if (setsockopt(port->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0) die("SO_TIMESTAMPNS");
        port->ssrc = 0x52424C00u + (uint32_t)i;
        port->sequence = (uint16_t)(i * 257);
    }
}

static void send_tick(void) {
    uint8_t packet[HEADER + SAMPLES];
    for (int i = 0; i < port_count; i++) {
        struct port *port = &ports[i];
        if (!port->to.sin_port) continue;
        packet[0] = 0x80;
        packet[1] = port->sent ? 0 : 0x80; /* PCMU; the marker on the first (RFC 3551 §4.1) */
        uint16_t sequence = htons(++port->sequence);
        uint32_t timestamp = htonl(port->timestamp += SAMPLES), ssrc = htonl(port->ssrc);
        memcpy(packet + 2, &sequence, 2);
        memcpy(packet + 4, &timestamp, 4);
        memcpy(packet + 8, &ssrc, 4);
        memcpy(packet + HEADER, tone[i % TONES], SAMPLES);
        if (sendto(port->fd, packet, sizeof packet, 0, (struct sockaddr *)&port->to, sizeof port->to) < 0)
            send_errors++; /* ECONNREFUSED from the packet before: the far end is gone */
        port->sent++;
    }
}

static void take(struct port *port, const uint8_t *packet, size_t length, int64_t at_ns) {
    if (length < HEADER || packet[0] >> 6 != 2) return;
    uint16_t sequence;
    memcpy(&sequence, packet + 2, 2);
    sequence = ntohs(sequence);
    port->received++;
    for (size_t i = HEADER; i < length; i++) /* mu-law silence is 0xFF or 0x7F; A-law 0xD5 or 0x55 */
        if ((packet[i] & 0x7F) < 0x70 && (packet[i] & 0x7F) != 0x55) {
            port->voiced++;
            break;
        }
    if (port->seen) {
        int64_t gap = at_ns - port->last_ns;
        if (gap < 0) gap = 0;
        int64_t bin = gap / BIN_NS;
        histogram[bin < BINS ? bin : BINS - 1]++;
        if (gap > port->max_gap_ns) port->max_gap_ns = gap;
        int16_t ahead = (int16_t)(sequence - port->expected);
        if (ahead < 0) {
            port->reordered++;
            if (port->lost) port->lost--;
        } else {
            port->lost += (uint64_t)ahead;
            port->expected = (uint16_t)(sequence + 1);
        }
    } else {
        port->seen = 1;
        port->expected = (uint16_t)(sequence + 1);
    }
    port->last_ns = at_ns;
}

static void receive(struct port *port) {
    static uint8_t buffers[BATCH][PACKET];
    static uint8_t controls[BATCH][CMSG_SPACE(sizeof(struct timespec))];
    struct iovec vectors[BATCH];
    struct mmsghdr messages[BATCH];
    int count;
    do {
        memset(messages, 0, sizeof messages);
        for (int i = 0; i < BATCH; i++) {
            vectors[i] = (struct iovec){buffers[i], PACKET};
            messages[i].msg_hdr.msg_iov = &vectors[i];
            messages[i].msg_hdr.msg_iovlen = 1;
            messages[i].msg_hdr.msg_control = controls[i];
            messages[i].msg_hdr.msg_controllen = sizeof controls[i];
        }
        count = recvmmsg(port->fd, messages, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < count; i++) {
            int64_t at_ns = 0;
            struct msghdr *message = &messages[i].msg_hdr;
            for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
                    struct timespec time;
                    memcpy(&time, CMSG_DATA(c), sizeof time);
                    at_ns = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
                }
            take(port, buffers[i], messages[i].msg_len, at_ns);
        }
    } while (count == BATCH);
}

static void reset(void) {
    memset(histogram, 0, sizeof histogram);
    late_ticks = ticks = send_errors = 0;
    for (int i = 0; i < port_count; i++) {
        struct port *port = &ports[i];
        port->sent = port->received = port->lost = port->reordered = port->voiced = 0;
        port->max_gap_ns = 0;
        port->seen = 0;
    }
}

static double quantile_ms(double share, uint64_t total) {
    uint64_t wanted = (uint64_t)(share * (double)total), sum = 0;
    for (int i = 0; i < BINS; i++)
        if ((sum += histogram[i]) > wanted) return (double)(i + 1) * (double)BIN_NS / 1e6;
    return (double)BINS * (double)BIN_NS / 1e6;
}

static void report(void) {
    uint64_t gaps = 0, sent = 0, received = 0, lost = 0, reordered = 0, voiced = 0;
    int64_t max_gap = 0;
    for (int i = 0; i < BINS; i++) gaps += histogram[i];
    for (int i = 0; i < port_count; i++) {
        struct port *port = &ports[i];
        sent += port->sent, received += port->received, lost += port->lost, voiced += port->voiced;
        reordered += port->reordered;
        if (port->max_gap_ns > max_gap) max_gap = port->max_gap_ns;
    }
    printf("{\"sent\": %lu, \"received\": %lu, \"voiced\": %lu, \"lost\": %lu, \"reordered\": %lu, ", sent,
           received, voiced, lost, reordered);
    printf("\"send_errors\": %lu, \"ticks\": %lu, \"late_ticks\": %lu, \"gaps\": %lu, ", send_errors, ticks,
           late_ticks, gaps);
    printf("\"gap_p50_ms\": %.1f, \"gap_p99_ms\": %.1f, \"gap_p999_ms\": %.1f, \"gap_max_ms\": %.1f, ",
           quantile_ms(0.50, gaps), quantile_ms(0.99, gaps), quantile_ms(0.999, gaps), (double)max_gap / 1e6);
    printf("\"ports\": [");
    for (int i = 0, first = 1; i < port_count; i++) {
        struct port *port = &ports[i];
        if (!port->sent && !port->received) continue;
        printf("%s{\"port\": %u, \"sent\": %lu, \"received\": %lu, \"voiced\": %lu, \"lost\": %lu, ",
               first ? "" : ", ", port->number, port->sent, port->received, port->voiced, port->lost);
        printf("\"gap_max_ms\": %.1f}", (double)port->max_gap_ns / 1e6);
        first = 0;
    }
    printf("]}\n");
    fflush(stdout);
}

/* Returns 0 at "quit". */
static int obey(char *line) {
    unsigned number, to_port;
    char host[64];
    if (sscanf(line, "to %u %63[^:]:%u", &number, host, &to_port) == 3) {
        int index = ((int)number - first_port) / 2;
        if (index < 0 || index >= port_count || to_port > 65535) return 1;
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)to_port)};
        /* Load never leaves the machine. */
        if (inet_pton(AF_INET, host, &to.sin_addr) == 1 && (ntohl(to.sin_addr.s_addr) >> 24) == 127)
            ports[index].to = to;
    } else if (sscanf(line, "off %u", &number) == 1) {
        int index = ((int)number - first_port) / 2;
        if (index >= 0 && index < port_count) ports[index].to.sin_port = 0;
    } else if (!strncmp(line, "reset", 5)) {
        reset();
    } else if (!strncmp(line, "report", 6)) {
        report();
    } else if (!strncmp(line, "quit", 4)) {
        return 0;
    }
    return 1;
}

static int read_commands(void) {
    static char buffer[1 << 16];
    static size_t used;
    ssize_t count = read(STDIN_FILENO, buffer + used, sizeof buffer - 1 - used);
    if (count == 0) return 0;
    if (count < 0) return errno == EAGAIN;
    used += (size_t)count;
    buffer[used] = 0;
    char *line = buffer, *end;
    while ((end = strchr(line, '\n'))) {
        *end = 0;
        if (!obey(line)) return 0;
        line = end + 1;
    }
    used = strlen(line);
    memmove(buffer, line, used);
    return used < sizeof buffer - 1;
}

static void watch(int epoll, int fd, void *what) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: rtpblast FIRST_PORT COUNT\n");
        return 2;
    }
    first_port = atoi(argv[1]);
    port_count = atoi(argv[2]);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    make_tones();
    open_ports();

    int epoll = epoll_create1(EPOLL_CLOEXEC), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    if (epoll < 0 || timer < 0) die("epoll or timerfd");
    struct itimerspec every = {.it_interval.tv_nsec = TICK_NS, .it_value.tv_nsec = TICK_NS};
    timerfd_settime(timer, 0, &every, NULL);
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    watch(epoll, STDIN_FILENO, &epoll); /* any addresses of their own that aren't a port's */
    watch(epoll, timer, &timer);
    for (int i = 0; i < port_count; i++) watch(epoll, ports[i].fd, &ports[i]);
    printf("{\"ready\": %d}\n", port_count);
    fflush(stdout);

    struct epoll_event events[256];
    for (;;) {
        int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            void *what = events[i].data.ptr;
            if (what == &epoll) {
                if (!read_commands()) return 0;
            } else if (what == &timer) {
                uint64_t expirations;
                if (read(timer, &expirations, sizeof expirations) != sizeof expirations) continue;
                ticks += expirations;
                late_ticks += expirations - 1;
                /* Behind: the packets are sent all the same, so that what is sent stays 50 a second. */
                for (uint64_t n = 0; n < expirations; n++) send_tick();
            } else {
                receive(what);
            }
        }
        if (count < 0 && errno != EINTR) die("epoll_wait");
    }
}
