#include "rtc_session.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <random>
#include <sys/socket.h>
#include <unistd.h>

#include <pjsua-lib/pjsua.h>

#include "hub.hpp"

namespace ringback {

namespace {
constexpr unsigned JITTER_FRAMES = 50;       // a second: who is later than that talks to nobody
constexpr unsigned JITTER_MOST = 20;         // the delay that the buffer may adapt to, in frames
constexpr int RESTART_FRAMES = 250;          // a jump of timestamps that is a new beginning and not a gap
constexpr unsigned CONCEALED_FRAMES = 5;     // of an empty buffer; then silence
constexpr uint32_t REPORT_MS = 4000;         // RFC 3550 §6.2 asks for 5 s on average
constexpr int BATCH = 8, MOST_BATCHES = 4;   // packets a socket may bring in one turn: 32 is six times too many
constexpr size_t HEADER = sizeof(pjmedia_rtp_hdr);
constexpr uint32_t CONTINUED = 1; // bit_info of the frames of a packet after its first

uint32_t random32() {
    static thread_local std::random_device device;
    return device();
}

bool resolve(const std::string &ip, unsigned port, sockaddr_storage &to, socklen_t &size) {
    auto *v4 = reinterpret_cast<sockaddr_in *>(&to);
    auto *v6 = reinterpret_cast<sockaddr_in6 *>(&to);
    std::memset(&to, 0, sizeof to);
    if (inet_pton(AF_INET, ip.c_str(), &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(uint16_t(port));
        size = sizeof *v4;
        return true;
    }
    if (inet_pton(AF_INET6, ip.c_str(), &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(uint16_t(port));
        size = sizeof *v6;
        return true;
    }
    return false;
}
} // namespace

uint32_t rtc_now_ms() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return uint32_t(uint64_t(t.tv_sec) * 1000 + uint64_t(t.tv_nsec) / 1000000);
}

RtcSession::RtcSession(RtcSettings settings, std::unique_ptr<SrtpPair> srtp)
    : settings_(std::move(settings)), srtp_(std::move(srtp)), inbox_(8),
      outbox_(8),
      reader_(settings_.key_clock), writer_(settings_.key_clock), sequence_(uint16_t(random32() & 0x7fff)),
      timestamp_(random32()) {
    resolve(settings_.ip, settings_.port, remote_, remote_size_);
    figures_.heard_ms = rtc_now_ms();
}

RtcSession::~RtcSession() {
    if (settings_.fd >= 0)
        ::close(settings_.fd);
}

void RtcSession::finish() {
    if (settings_.fd >= 0)
        ::close(settings_.fd);
    settings_.fd = -1;
    codec_.reset();
    if (jitter_)
        pjmedia_jbuf_destroy(jitter_);
    jitter_ = nullptr;
    pj_pool_safe_release(&pool_);
}

bool RtcSession::start() {
    pool_ = pjsua_pool_create("rtc%p", 1024, 1024);
    if (!pool_)
        return false;
    codec_ = Codec::make(settings_.codec, pool_);
    pj_str_t name = pj_str(const_cast<char *>("rtc"));
    if (!codec_ || pjmedia_jbuf_create(pool_, &name, MAX_PAYLOAD, FRAME_MS, JITTER_FRAMES, &jitter_) != PJ_SUCCESS)
        return false;
    pjmedia_jbuf_set_adaptive(jitter_, 0, 1, JITTER_MOST);
    restart_stream(0);
    report_at_ms_ = rtc_now_ms() + REPORT_MS / 4; // the first one early: it brings the round trip time
    return true;
}

void RtcSession::restart_stream(uint32_t ssrc) {
    source_ = ssrc;
    figures(); // keeps what was counted of the stream before
    pjmedia_rtcp_init(&rtcp_, const_cast<char *>("rtc"), codec_->clock_rate(), codec_->ticks_per_frame(),
                      settings_.ssrc);
    counted_ = {};
    rtcp_.peer_ssrc = ssrc;
    pjmedia_jbuf_reset(jitter_);
    has_audio_ = false;
    last_index_ = 0;
    spare_at_ = spare_end_ = 0;
}

void RtcSession::aim(int fd, const std::string &ip, unsigned port) {
    if (settings_.fd >= 0)
        ::close(settings_.fd);
    settings_.fd = fd;
    resolve(ip, port, remote_, remote_size_);
}

// ---- receiving

bool RtcSession::feed(const uint8_t *bytes, size_t size) {
    if (size == 0 || size > MAX_DATAGRAM)
        return false;
    Datagram datagram;
    datagram.size = uint16_t(size);
    std::memcpy(datagram.bytes, bytes, size);
    return inbox_.push(datagram);
}

void RtcSession::receive() {
    Datagram datagram;
    sockaddr_storage nowhere{};
    while (inbox_.pop(datagram))
        dispatch(datagram.bytes, datagram.size, nowhere);
    if (settings_.fd >= 0)
        read_socket();
}

void RtcSession::read_socket() {
    static thread_local uint8_t buffers[BATCH][MAX_DATAGRAM];
    static thread_local sockaddr_storage sources[BATCH];
    mmsghdr messages[BATCH];
    iovec parts[BATCH];
    for (int batch = 0; batch < MOST_BATCHES; ++batch) { // bounded: a flood mustn't hold up the others
        std::memset(messages, 0, sizeof messages);
        for (int i = 0; i < BATCH; ++i) {
            parts[i] = {buffers[i], MAX_DATAGRAM};
            messages[i].msg_hdr.msg_iov = &parts[i];
            messages[i].msg_hdr.msg_iovlen = 1;
            messages[i].msg_hdr.msg_name = &sources[i];
            messages[i].msg_hdr.msg_namelen = sizeof sources[i];
        }
        int count = recvmmsg(settings_.fd, messages, BATCH, MSG_DONTWAIT, nullptr);
        for (int i = 0; i < count; ++i)
            if (!(messages[i].msg_hdr.msg_flags & MSG_TRUNC))
                dispatch(buffers[i], int(messages[i].msg_len), sources[i]);
        if (count < BATCH)
            return;
    }
}

// RFC 7983 §7: the first byte says what a packet is.
void RtcSession::dispatch(uint8_t *bytes, int size, const sockaddr_storage &from) {
    if (size < 1)
        return;
    uint8_t first = bytes[0];
    if (first <= 3 || (first >= 20 && first <= 63)) {
        hand_over(Datagram::RECEIVED, bytes, size_t(size), &from); // STUN, DTLS
    } else if (first >= 128 && first <= 191 && size >= 8) {
        bool control = bytes[1] >= 192 && bytes[1] <= 223; // RFC 5761 §4
        control ? on_rtcp(bytes, size) : on_rtp(bytes, size);
    } else {
        ++figures_.refused;
    }
}

void RtcSession::on_rtp(uint8_t *bytes, int size) {
    if (size < int(HEADER) || !srtp_->unprotect(bytes, size) || size < int(HEADER)) {
        ++figures_.refused;
        return;
    }
    figures_.heard_ms = rtc_now_ms();
    const pjmedia_rtp_hdr *header;
    pjmedia_rtp_dec_hdr extension;
    const void *payload;
    unsigned length;
    if (pjmedia_rtp_decode_rtp2(nullptr, bytes, size, &header, &extension, &payload, &length) != PJ_SUCCESS ||
        !payload || length == 0) {
        ++figures_.refused;
        return;
    }
    int type = header->pt;
    if (type != settings_.payload_type && type != settings_.key_type) {
        ++figures_.refused;
        return;
    }
    uint32_t ssrc = pj_ntohl(header->ssrc);
    if (!has_source_ || ssrc != source_) {
        restart_stream(ssrc);
        has_source_ = true;
    }
    bool discarded = false;
    if (type == settings_.payload_type) {
        on_audio(header, static_cast<const uint8_t *>(payload), length, discarded);
    } else {
        uint64_t token = settings_.token;
        reader_.read(
            static_cast<const uint8_t *>(payload), length, pj_ntohl(header->ts), figures_.heard_ms,
            [token](char digit) { Hub::instance().post(EVENT_KEY_DOWN, token, digit, KEY_FROM_RTP); },
            [token](char digit, uint32_t ms) {
                Hub::instance().post(EVENT_KEY_UP, token, digit | int64_t(KEY_FROM_RTP) << 8, ms);
            });
    }
    pjmedia_rtcp_rx_rtp2(&rtcp_, pj_ntohs(header->seq), pj_ntohl(header->ts), length, discarded);
}

void RtcSession::on_audio(const pjmedia_rtp_hdr *header, const uint8_t *payload, size_t size, bool &discarded) {
    unsigned frames = size <= MAX_PAYLOAD ? codec_->frames_in(payload, size) : 0;
    if (frames == 0) {
        ++figures_.refused;
        discarded = true;
        return;
    }
    uint32_t timestamp = pj_ntohl(header->ts);
    int step = int(codec_->ticks_per_frame());
    int frames_on = has_audio_ ? int(int32_t(timestamp - last_timestamp_) / step) : 0;
    if (frames_on > RESTART_FRAMES || frames_on < -RESTART_FRAMES) {
        pjmedia_jbuf_reset(jitter_);
        last_index_ = frames_on = 0;
    }
    int index = last_index_ + frames_on;
    pj_bool_t dropped = PJ_FALSE;
    pjmedia_jbuf_put_frame3(jitter_, payload, size, 0, index, timestamp, &dropped);
    static const uint8_t rest = 0;
    for (unsigned i = 1; i < frames; ++i)
        pjmedia_jbuf_put_frame3(jitter_, &rest, 1, CONTINUED, index + int(i), timestamp, nullptr);
    if (dropped)
        ++figures_.discarded;
    discarded = dropped;
    if (!has_audio_ || frames_on > 0 || last_index_ == 0) {
        last_index_ = index;
        last_timestamp_ = timestamp;
    }
    has_audio_ = true;
}

void RtcSession::on_rtcp(uint8_t *bytes, int size) {
    if (!srtp_->unprotect_rtcp(bytes, size)) {
        ++figures_.refused;
        return;
    }
    figures_.heard_ms = rtc_now_ms();
    // Only reports, and only what they say of our own stream: PJMEDIA doesn't look whose they are.
    for (int at = 0; at + 8 <= size;) {
        int length = ((bytes[at + 2] << 8 | bytes[at + 3]) + 1) * 4;
        if (at + length > size)
            return;
        int type = bytes[at + 1], reports = bytes[at] & 31, block = at + (type == 200 ? 28 : 8);
        if (type == 200 || type == 201) {
            bool ours = false;
            if (reports > 0 && block + 24 <= at + length) {
                uint32_t about;
                std::memcpy(&about, bytes + block, 4);
                ours = ntohl(about) == settings_.ssrc;
            }
            if (ours) {
                figures_.far_loss = bytes[block + 4] / 256.0;
                codec_->expect_loss(int(figures_.far_loss * 100 + 0.5));
            }
            if (ours || type == 200) {
                if (!ours)
                    bytes[at] = uint8_t(bytes[at] & ~31);
                pjmedia_rtcp_rx_rtcp(&rtcp_, bytes + at, pj_size_t(length));
            }
        }
        at += length;
    }
}

size_t RtcSession::conceal(int16_t *to) {
    ++figures_.concealed;
    const void *next = nullptr;
    pj_size_t size = 0;
    char type = PJMEDIA_JB_ZERO_EMPTY_FRAME;
    pj_uint32_t bits = 0;
    pjmedia_jbuf_peek_frame(jitter_, 0, &next, &size, &type, &bits, nullptr, nullptr);
    bool usable = type == PJMEDIA_JB_NORMAL_FRAME && bits != CONTINUED && size > 0;
    return codec_->conceal(usable ? static_cast<const uint8_t *>(next) : nullptr, size, to);
}

size_t RtcSession::pull(int16_t *to) {
    size_t frame = settings_.codec.rate / 1000 * FRAME_MS;
    uint8_t payload[MAX_PAYLOAD];
    pj_size_t size = sizeof payload;
    char type;
    pj_uint32_t bits = 0;
    pjmedia_jbuf_get_frame2(jitter_, payload, &size, &type, &bits);
    size_t done = 0;
    if (type == PJMEDIA_JB_NORMAL_FRAME && bits == CONTINUED) {
        if (spare_at_ < spare_end_) {
            std::memcpy(to, spare_ + spare_at_, frame * sizeof(int16_t));
            spare_at_ += frame;
            return frame;
        }
        done = conceal(to);
    } else if (type == PJMEDIA_JB_NORMAL_FRAME) {
        empty_ = 0;
        spare_end_ = codec_->decode(payload, size, spare_);
        spare_at_ = done = std::min(frame, spare_end_);
        std::memcpy(to, spare_, done * sizeof(int16_t));
    } else if (type == PJMEDIA_JB_MISSING_FRAME || empty_++ < CONCEALED_FRAMES) {
        spare_at_ = spare_end_ = 0;
        done = has_audio_ ? conceal(to) : 0;
    }
    std::memset(to + done, 0, (frame - done) * sizeof(int16_t));
    return frame;
}

void RtcSession::skip() {
    uint8_t payload[MAX_PAYLOAD];
    pj_size_t size = sizeof payload;
    char type;
    pj_uint32_t bits;
    pjmedia_jbuf_get_frame2(jitter_, payload, &size, &type, &bits);
    spare_at_ = spare_end_ = 0;
}

// ---- sending

void RtcSession::push(const int16_t *frame, bool audible) {
    uint32_t timestamp = timestamp_;
    timestamp_ += codec_->ticks_per_frame();
    if (writer_.busy() && settings_.key_type >= 0)
        writer_.advance(timestamp, FRAME_MS, [this](const KeyPacket &key) {
            send_rtp(settings_.key_type, key.first, key.timestamp, key.payload, sizeof key.payload);
        });
    if (!audible || writer_.sounding()) {
        silent_ = true;
        return;
    }
    uint8_t payload[MAX_PAYLOAD];
    size_t size = codec_->encode(frame, payload, sizeof payload);
    if (size == 0)
        return;
    send_rtp(settings_.payload_type, silent_, timestamp, payload, size); // RFC 3551 §4.1: marks a talkspurt
    silent_ = false;
}

void RtcSession::send_rtp(int type, bool marker, uint32_t timestamp, const uint8_t *payload, size_t size) {
    alignas(4) uint8_t packet[HEADER + MAX_PAYLOAD + SRTP_MAX_TRAILER_LEN];
    uint32_t words[] = {htonl(timestamp), htonl(settings_.ssrc)};
    uint16_t sequence = htons(sequence_++);
    packet[0] = 0x80;
    packet[1] = uint8_t((marker ? 0x80 : 0) | type);
    std::memcpy(packet + 2, &sequence, 2);
    std::memcpy(packet + 4, words, 8);
    std::memcpy(packet + HEADER, payload, size);
    int length = int(HEADER + size);
    if (!srtp_->protect(packet, length))
        return;
    pjmedia_rtcp_tx_rtp(&rtcp_, unsigned(size));
    transmit(packet, size_t(length));
}

void RtcSession::report() {
    uint32_t now = rtc_now_ms();
    uint64_t token = settings_.token;
    reader_.expire(now, [token](char digit, uint32_t ms) {
        Hub::instance().post(EVENT_KEY_UP, token, digit | int64_t(KEY_FROM_RTP) << 8, ms);
    });
    if (int32_t(now - report_at_ms_) < 0)
        return;
    report_at_ms_ = now + REPORT_MS / 2 + random32() % REPORT_MS;
    send_rtcp();
}

void RtcSession::send_rtcp() {
    uint8_t packet[256 + SRTP_MAX_TRAILER_LEN + 4];
    void *built;
    int length;
    pjmedia_rtcp_build_rtcp(&rtcp_, &built, &length);
    std::memcpy(packet, built, size_t(length));
    pjmedia_rtcp_sdes sdes{};
    sdes.cname = pj_str(const_cast<char *>(settings_.cname.c_str()));
    pj_size_t size = 128;
    if (pjmedia_rtcp_build_rtcp_sdes(&rtcp_, packet + length, &size, &sdes) == PJ_SUCCESS)
        length += int(size);
    if (srtp_->protect_rtcp(packet, length))
        transmit(packet, size_t(length));
}

void RtcSession::transmit(const uint8_t *bytes, size_t size) {
    if (settings_.fd < 0)
        hand_over(Datagram::TO_SEND, bytes, size, nullptr);
    else if (remote_size_)
        ::sendto(settings_.fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL, reinterpret_cast<sockaddr *>(&remote_),
                 remote_size_);
}

void RtcSession::hand_over(uint8_t kind, const uint8_t *bytes, size_t size, const sockaddr_storage *from) {
    Datagram datagram;
    datagram.kind = kind;
    datagram.size = uint16_t(size);
    std::memcpy(datagram.bytes, bytes, size);
    if (from && from->ss_family == AF_INET) {
        auto *v4 = reinterpret_cast<const sockaddr_in *>(from);
        inet_ntop(AF_INET, &v4->sin_addr, datagram.ip, sizeof datagram.ip);
        datagram.port = ntohs(v4->sin_port);
    } else if (from && from->ss_family == AF_INET6) {
        auto *v6 = reinterpret_cast<const sockaddr_in6 *>(from);
        inet_ntop(AF_INET6, &v6->sin6_addr, datagram.ip, sizeof datagram.ip);
        datagram.port = ntohs(v6->sin6_port);
    }
    if (outbox_.push(datagram) && !told_.exchange(true, std::memory_order_acq_rel))
        Hub::instance().post(EVENT_RTC_DATAGRAMS, settings_.token);
}

const RtcFigures &RtcSession::figures() {
    // A far end that changes its source (RFC 3550 §8) begins new counts; ours go on.
    figures_.received += rtcp_.stat.rx.pkt - counted_.rx_packets;
    figures_.lost += rtcp_.stat.rx.loss - counted_.rx_lost;
    figures_.sent += rtcp_.stat.tx.pkt - counted_.tx_packets;
    counted_ = {rtcp_.stat.rx.pkt, rtcp_.stat.rx.loss, rtcp_.stat.tx.pkt};
    if (rtcp_.stat.rx.jitter.n)
        figures_.jitter_ms = rtcp_.stat.rx.jitter.mean / 1000.0;
    if (rtcp_.stat.rtt.n)
        figures_.round_trip_ms = rtcp_.stat.rtt.mean / 1000.0;
    return figures_;
}

} // namespace ringback
