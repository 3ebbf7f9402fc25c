#include "endpoint.hpp"

#include <atomic>
#include <cstring>
#include <sys/socket.h>
#include <unistd.h>

#include <pjsua-lib/pjsua.h>
#include <pjsua-lib/pjsua_internal.h>
#include <pjsua2/types.hpp>

#include "bridge_port.hpp"
#include "hub.hpp"

namespace ringback {

namespace {

void check(pj_status_t status, const char *what) {
    if (status != PJ_SUCCESS)
        throw pj::Error(status, what, "", __FILE__, __LINE__);
}

void on_log(int level, const char *text, int length) {
    Hub::instance().log(level, text, length);
    // The clock's lines wait for the end of its tick; nobody else's can count on one.
    if (level <= 2)
        Hub::instance().signal();
}

// ---- waking the owner thread -------------------------------------------------------------------------

// A datagram pair on the SIP I/O queue: an eventfd can't be one of its handles, because it only knows sockets.
struct Waker {
    int sender = -1;
    pj_pool_t *pool = nullptr;
    pj_ioqueue_key_t *key = nullptr;
    pj_ioqueue_op_key_t operation{};
    char buffer[8];
    std::atomic<bool> sent{false};
} waker;

void expect_wake() {
    pj_ssize_t size = sizeof waker.buffer;
    pj_ioqueue_recv(waker.key, &waker.operation, waker.buffer, &size, PJ_IOQUEUE_ALWAYS_ASYNC);
}

void on_wake(pj_ioqueue_key_t *, pj_ioqueue_op_key_t *, pj_ssize_t) {
    waker.sent.store(false, std::memory_order_release); // before the commands are looked at
    expect_wake();
}

void install_waker() {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        throw pj::Error(PJ_STATUS_FROM_OS(errno), "socketpair", "", __FILE__, __LINE__);
    waker.sender = pair[1];
    waker.pool = pjsua_pool_create("waker", 512, 512);
    pj_ioqueue_callback callback{};
    callback.on_read_complete = &on_wake;
    check(pj_ioqueue_register_sock(waker.pool, pjsip_endpt_get_ioqueue(pjsua_get_pjsip_endpt()), pair[0], nullptr,
                                   &callback, &waker.key),
          "registering the waker");
    pj_ioqueue_op_key_init(&waker.operation, sizeof waker.operation);
    expect_wake();
}

// ---- keys --------------------------------------------------------------------------------------------

struct KeyState {
    std::atomic<uint64_t> token{0};
    // Of the press that is going on; the clock's own, because RTP is received on it.
    bool down = false;
    char digit = 0;
    pj_uint32_t stamp = 0;   // RTP timestamp of the press in ms
    unsigned base_ms = 0;    // of the segments before this one
    unsigned held_ms = 0;
    pj_uint32_t heard_at = 0; // our time in ms
    uint64_t owner = 0;      // the token under which it went down
};

KeyState keys[PJSUA_MAX_CALLS];
int keys_down[PJSUA_MAX_CALLS];
int keys_down_count = 0;

// RFC 4733 §2.5.1.2: updates come at least every 50 ms. When none came for this long, its end was lost.
constexpr pj_uint32_t KEY_LOST_AFTER_MS = 200;
// RFC 4733 §2.5.1.3: a press over 65,535 timestamp units (8.19 s) goes on in a new segment. pjmedia computes
// timestamps in single precision, so they are good to 64 ms only.
constexpr pj_uint32_t SEGMENT_MS = 8192, SEGMENT_SLACK_MS = 130;

pj_uint32_t now_ms() {
    pj_time_val now;
    pj_gettickcount(&now);
    return pj_uint32_t(PJ_TIME_VAL_MSEC(now));
}

void key_down(int call, uint64_t token, char digit, pj_uint32_t stamp) {
    KeyState &key = keys[call];
    key.down = true;
    key.digit = digit;
    key.stamp = stamp;
    key.base_ms = 0;
    key.owner = token;
    keys_down[keys_down_count++] = call;
    Hub::instance().post(EVENT_KEY_DOWN, token, digit, KEY_FROM_RTP);
}

void key_up(int call) {
    KeyState &key = keys[call];
    key.down = false;
    for (int i = 0; i < keys_down_count; ++i)
        if (keys_down[i] == call) {
            keys_down[i] = keys_down[--keys_down_count];
            break;
        }
    Hub::instance().post(EVENT_KEY_UP, key.owner, key.digit | KEY_FROM_RTP << 8, key.base_ms + key.held_ms);
}

bool continues(const KeyState &key, const pjsua_dtmf_event *event) {
    pj_uint32_t apart = event->timestamp - key.stamp;
    return key.digit == char(event->digit) && apart + SEGMENT_SLACK_MS > SEGMENT_MS &&
           apart < SEGMENT_MS + SEGMENT_SLACK_MS;
}

void on_rtp_key(int call, uint64_t token, const pjsua_dtmf_event *event) {
    KeyState &key = keys[call];
    bool ended = event->flags & PJMEDIA_STREAM_DTMF_IS_END;
    if (key.down && (key.owner != token || key.stamp != event->timestamp)) {
        if (key.owner == token && continues(key, event)) {
            key.base_ms += SEGMENT_MS;
            key.stamp = event->timestamp;
        } else {
            key_up(call); // its end was lost, and the next press is here
        }
    }
    if (!key.down) {
        // The end comes three times (§2.5.1.4). All packets of one press carry its timestamp, which tells a
        // repetition from a new press of the same key; pjmedia itself compares durations, and would lose one.
        if (key.owner == token && key.stamp == event->timestamp && key.digit == char(event->digit))
            return;
        key_down(call, token, char(event->digit), event->timestamp);
    }
    key.held_ms = event->duration;
    key.heard_at = now_ms();
    if (ended)
        key_up(call);
}

// RTP events arrive on the clock thread, INFO on the owner thread.
void on_key(pjsua_call_id call, const pjsua_dtmf_event *event) {
    uint64_t token = keys[call].token.load(std::memory_order_acquire);
    if (!token)
        return;
    if (event->method == PJSUA_DTMF_METHOD_RFC2833) {
        on_rtp_key(call, token, event);
        return;
    }
    unsigned held = event->duration == PJSUA_UNKNOWN_DTMF_DURATION ? 0 : event->duration;
    Hub::instance().post(EVENT_KEY_DOWN, token, char(event->digit), KEY_FROM_INFO);
    Hub::instance().post(EVENT_KEY_UP, token, char(event->digit) | KEY_FROM_INFO << 8, held);
    Hub::instance().signal();
}

// ---- quality -----------------------------------------------------------------------------------------

StreamQuality last_quality[PJSUA_MAX_CALLS];

StreamQuality read_quality(pjmedia_stream *stream) {
    StreamQuality quality;
    pjmedia_rtcp_stat stat;
    pjmedia_stream_info info;
    if (pjmedia_stream_get_stat(stream, &stat) != PJ_SUCCESS ||
        pjmedia_stream_get_info(stream, &info) != PJ_SUCCESS)
        return quality;
    quality.valid = true;
    quality.codec = std::string(info.fmt.encoding_name.ptr, size_t(info.fmt.encoding_name.slen)) + "/" +
                    std::to_string(info.fmt.clock_rate);
    quality.received = stat.rx.pkt;
    quality.lost = stat.rx.loss;
    quality.sent = stat.tx.pkt;
    quality.jitter_ms = stat.rx.jitter.n ? stat.rx.jitter.mean / 1000.0 : 0;
    quality.round_trip_ms = stat.rtt.n ? stat.rtt.mean / 1000.0 : -1;
    return quality;
}

void on_stream_destroyed(pjsua_call_id call, pjmedia_stream *stream, unsigned) {
    last_quality[call] = read_quality(stream);
}

// ---- RTP ports ---------------------------------------------------------------------------------------

struct PortPair {
    bool used = false;
    pj_uint32_t rests_until = 0; // ms, in wrapping time
    bool rests = false;
};

struct Ports {
    int account = -1;
    unsigned first = 0;
    pj_uint32_t rest_ms = 0;
    std::vector<PortPair> pairs;
    size_t next = 0;
} ports;

int pair_of_call[PJSUA_MAX_CALLS]; // plus one; 0: none

void take_pair(int call) {
    if (ports.account < 0)
        return;
    unsigned port = unsigned(pjsua_var.acc[ports.account].next_rtp_port) - 2;
    size_t pair = (port - ports.first) / 2;
    if (port < ports.first || pair >= ports.pairs.size())
        return;
    ports.pairs[pair].used = true;
    pair_of_call[call] = int(pair) + 1;
}

void rest_pair(int call) {
    if (!pair_of_call[call])
        return;
    PortPair &pair = ports.pairs[size_t(pair_of_call[call] - 1)];
    pair_of_call[call] = 0;
    pair.used = false;
    pair.rests = true;
    pair.rests_until = now_ms() + ports.rest_ms;
}

// ---- incoming messages before pjsua sees them ----------------------------------------------------------

const pj_str_t APPLICATION = {const_cast<char *>("application"), 11};
const pj_str_t DTMF = {const_cast<char *>("dtmf"), 4};
const pj_str_t DTMF_RELAY = {const_cast<char *>("dtmf-relay"), 10};

// The digit in the body of an INFO, whichever of the dialects in use wrote it: "Signal=5", "Signal= *",
// "Signal=10" (meaning *), or a bare "5". 0: none.
char digit_of(const pj_str_t &body) {
    std::string text(body.ptr, size_t(body.slen));
    size_t at = text.find("ignal");
    at = at == std::string::npos ? 0 : text.find('=', at) + 1;
    at = text.find_first_not_of(" \t", at);
    if (at == std::string::npos)
        return 0;
    size_t end = text.find_first_of(" \t\r\n;", at);
    std::string value = text.substr(at, end == std::string::npos ? end : end - at);
    static const char NUMBERED[] = "*#ABCD"; // event codes 10 to 15 of RFC 4733 §3.2
    if (value.size() == 2 && value[0] == '1' && value[1] >= '0' && value[1] <= '5')
        return NUMBERED[value[1] - '0'];
    char digit = value.size() == 1 ? char(pj_toupper(value[0])) : char(0);
    return digit && std::strchr("0123456789*#ABCD", digit) ? digit : char(0);
}

unsigned duration_of(const pj_str_t &body) {
    std::string text(body.ptr, size_t(body.slen));
    size_t at = text.find("uration");
    at = at == std::string::npos ? at : text.find('=', at);
    long value = at == std::string::npos ? 0 : std::strtol(text.c_str() + at + 1, nullptr, 10);
    return value > 0 && value < 60000 ? unsigned(value) : 160;
}

// pjsua knows application/dtmf-relay in one spelling and answers everything else with 500; so each dialect is
// rewritten to that spelling. A body without a digit stays as it is, and is refused.
void normalise_info(pjsip_rx_data *rdata) {
    pjsip_msg_body *body = rdata->msg_info.msg->body;
    if (!body || !body->data || body->len > 256 || pj_stricmp(&body->content_type.type, &APPLICATION))
        return;
    if (pj_stricmp(&body->content_type.subtype, &DTMF) && pj_stricmp(&body->content_type.subtype, &DTMF_RELAY))
        return;
    pj_str_t text{static_cast<char *>(body->data), pj_ssize_t(body->len)};
    char digit = digit_of(text);
    if (!digit)
        return;
    char *fresh = static_cast<char *>(pj_pool_alloc(rdata->tp_info.pool, 64));
    int size = pj_ansi_snprintf(fresh, 64, "Signal=%c\r\nDuration=%u\r\n", digit, duration_of(text));
    body->content_type.subtype = DTMF_RELAY;
    body->data = fresh;
    body->len = unsigned(size);
}

void refuse(pjsip_rx_data *rdata, int status, const char *text, const pjsip_hdr *headers) {
    pj_str_t reason = pj_str(const_cast<char *>(text));
    pjsip_endpt_respond_stateless(pjsua_get_pjsip_endpt(), rdata, status, &reason, headers, nullptr);
}

// pjsua would answer 200 to a MESSAGE from anybody, and take a SUBSCRIBE. Nobody needs them of us.
void refuse_method(pjsip_rx_data *rdata) {
    static const pj_str_t name = {const_cast<char *>("Allow"), 5};
    pj_str_t value = pj_str(const_cast<char *>("INVITE, ACK, CANCEL, BYE, OPTIONS"));
    pjsip_hdr list;
    pj_list_init(&list);
    pj_list_push_back(&list, pjsip_generic_string_hdr_create(rdata->tp_info.pool, &name, &value));
    refuse(rdata, PJSIP_SC_METHOD_NOT_ALLOWED, "Method Not Allowed", &list);
}

bool within_dialog(const pjsip_rx_data *rdata) {
    return rdata->msg_info.to && rdata->msg_info.to->tag.slen;
}

pj_bool_t on_request(pjsip_rx_data *rdata) {
    static const pj_str_t INFO = {const_cast<char *>("INFO"), 4};
    const pjsip_method &method = rdata->msg_info.msg->line.req.method;
    if (within_dialog(rdata)) {
        if (method.id == PJSIP_OTHER_METHOD && pj_strcmp(&method.name, &INFO) == 0)
            normalise_info(rdata);
        return PJ_FALSE;
    }
    switch (method.id) {
    case PJSIP_INVITE_METHOD:
        if (choose_port())
            return PJ_FALSE;
        Hub::instance().portless.fetch_add(1, std::memory_order_relaxed);
        refuse(rdata, PJSIP_SC_SERVICE_UNAVAILABLE, "No Media Port", nullptr);
        return PJ_TRUE;
    case PJSIP_ACK_METHOD:
    case PJSIP_CANCEL_METHOD:
    case PJSIP_BYE_METHOD:
    case PJSIP_OPTIONS_METHOD:
        return PJ_FALSE;
    default:
        refuse_method(rdata);
        return PJ_TRUE;
    }
}

// ---- counting responses --------------------------------------------------------------------------------

constexpr const char *METHODS[] = {"INVITE", "BYE", "CANCEL", "OPTIONS", "REGISTER", "INFO", "UPDATE", "REFER", "OTHER"};
constexpr int METHOD_COUNT = sizeof METHODS / sizeof *METHODS;
std::atomic<uint64_t> responses[METHOD_COUNT][600]; // statuses 100 to 699

void count_response(const pjsip_msg *message, const pjsip_cseq_hdr *cseq) {
    int status = message->line.status.code;
    if (!cseq || status < 100 || status > 699)
        return;
    int method = 0;
    while (method < METHOD_COUNT - 1 && pj_stricmp2(&cseq->method.name, METHODS[method]) != 0)
        ++method;
    responses[method][status - 100].fetch_add(1, std::memory_order_relaxed);
}

pj_bool_t on_response(pjsip_rx_data *rdata) {
    count_response(rdata->msg_info.msg, rdata->msg_info.cseq);
    return PJ_FALSE;
}

pj_status_t on_response_sent(pjsip_tx_data *tdata) {
    auto *cseq = static_cast<pjsip_cseq_hdr *>(pjsip_msg_find_hdr(tdata->msg, PJSIP_H_CSEQ, nullptr));
    count_response(tdata->msg, cseq);
    return PJ_SUCCESS;
}

pjsip_module reader = {nullptr, nullptr, {const_cast<char *>("ringback-reader"), 15}, -1,
                       // Before the transaction layer, so that every later layer sees what we made of it.
                       PJSIP_MOD_PRIORITY_TSX_LAYER - 1, nullptr, nullptr, nullptr, nullptr, &on_request,
                       &on_response, nullptr, &on_response_sent, nullptr};

// A refused re-INVITE ends nothing, so pjsua has no state to report: whoever holds or resumes must hear of it.
void on_transaction(pjsua_call_id call, pjsip_transaction *transaction, pjsip_event *) {
    if (transaction->role != PJSIP_ROLE_UAC || transaction->method.id != PJSIP_INVITE_METHOD ||
        transaction->state != PJSIP_TSX_STATE_COMPLETED || transaction->status_code < 300)
        return;
    const pjsua_call &entry = pjsua_var.calls[call];
    uint64_t token = keys[call].token.load(std::memory_order_acquire);
    if (!token || !entry.inv || entry.inv->state != PJSIP_INV_STATE_CONFIRMED)
        return;
    Hub::instance().post(EVENT_REINVITE_REFUSED, token, transaction->status_code);
    Hub::instance().signal();
}

void on_dropped(pjsip_tp_dropped_data *dropped) {
    if (dropped->status != PJ_EIGNORED) // keep-alives are dropped too, and are no fault
        Hub::instance().malformed.fetch_add(1, std::memory_order_relaxed);
}

} // namespace

std::map<std::string, int> build_limits() {
    return {
        {"PJSUA_MAX_CALLS", PJSUA_MAX_CALLS},
        {"PJSUA_MAX_ACC", PJSUA_MAX_ACC},
        {"PJSUA_MAX_CONF_PORTS", PJSUA_MAX_CONF_PORTS},
        {"PJ_IOQUEUE_MAX_HANDLES", PJ_IOQUEUE_MAX_HANDLES},
        {"PJSIP_MAX_TRANSPORTS", PJSIP_MAX_TRANSPORTS},
        {"PJSIP_MAX_PKT_LEN", PJSIP_MAX_PKT_LEN},
        {"PJSIP_MAX_TSX_COUNT", PJSIP_MAX_TSX_COUNT},
        {"PJSIP_MAX_DIALOG_COUNT", PJSIP_MAX_DIALOG_COUNT},
        {"PJMEDIA_HAS_SRTP", PJMEDIA_HAS_SRTP},
        {"PJSIP_HAS_TLS_TRANSPORT", PJSIP_HAS_TLS_TRANSPORT},
        {"PJMEDIA_HAS_OPUS_CODEC", PJMEDIA_HAS_OPUS_CODEC},
    };
}

void redirect_log(int level) {
    pj_log_set_level(level);
    pj_log_set_decor(PJ_LOG_HAS_SENDER | PJ_LOG_HAS_SPACE);
    pj_log_set_log_func(&on_log);
}

void install(int log_level) {
    redirect_log(log_level); // libInit has put its own writer there
    pjsua_var.ua_cfg.cb.on_dtmf_digit = nullptr;
    pjsua_var.ua_cfg.cb.on_dtmf_digit2 = nullptr;
    pjsua_var.ua_cfg.cb.on_dtmf_event = &on_key;
    pjsua_var.ua_cfg.cb.on_stream_destroyed = &on_stream_destroyed;
    pjsua_var.ua_cfg.cb.on_call_tsx_state = &on_transaction;
    check(pjsip_endpt_register_module(pjsua_get_pjsip_endpt(), &reader), "registering the message reader");
    pjsip_tpmgr_set_drop_data_cb(pjsip_endpt_get_tpmgr(pjsua_get_pjsip_endpt()), &on_dropped);
    check(pjmedia_endpt_stop_threads(pjsua_get_pjmedia_endpt()), "stopping pjmedia's thread");
    install_waker();
}

void uninstall() {
    close_all();
    pjsip_endpt_unregister_module(pjsua_get_pjsip_endpt(), &reader);
    if (waker.key) {
        pj_ioqueue_unregister(waker.key); // closes its socket too
        waker.key = nullptr;
        ::close(waker.sender);
        waker.sender = -1;
        pj_pool_release(waker.pool);
        waker.pool = nullptr;
        waker.sent = false;
    }
    ports = Ports();
}

void wake() {
    if (waker.sender < 0 || waker.sent.exchange(true, std::memory_order_acq_rel))
        return;
    char byte = 1;
    if (::send(waker.sender, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1)
        waker.sent = false;
}

void track_call(int call, uint64_t token) {
    keys[call].token.store(token, std::memory_order_release);
    if (token) {
        last_quality[call] = StreamQuality();
        take_pair(call);
    } else {
        rest_pair(call);
    }
}

namespace {
pjmedia_stream *stream_of(int call) {
    const pjsua_call &entry = pjsua_var.calls[call];
    return entry.audio_idx >= 0 ? entry.media[entry.audio_idx].strm.a.stream : nullptr;
}

int event_payload_type(int call, bool transmit) {
    pjmedia_stream_info info;
    pjmedia_stream *stream = stream_of(call);
    if (!stream || pjmedia_stream_get_info(stream, &info) != PJ_SUCCESS)
        return -1;
    return transmit ? info.tx_event_pt : info.rx_event_pt;
}
} // namespace

StreamQuality call_quality(int call) {
    pjmedia_stream *stream = stream_of(call);
    return stream ? read_quality(stream) : last_quality[call];
}

bool receives_rtp_keys(int call) { return event_payload_type(call, false) > 0; }

bool sends_rtp_keys(int call) { return event_payload_type(call, true) > 0; }

std::vector<ResponseCount> response_counts() {
    std::vector<ResponseCount> counts;
    for (int method = 0; method < METHOD_COUNT; ++method)
        for (int index = 0; index < 600; ++index)
            if (uint64_t count = responses[method][index].load(std::memory_order_relaxed))
                counts.push_back({METHODS[method], index + 100, count});
    return counts;
}

void configure_ports(int account, unsigned first, unsigned last, double rest_s) {
    ports.account = account;
    ports.first = first;
    ports.rest_ms = pj_uint32_t(rest_s * 1000);
    ports.pairs.assign((last + 1 - first) / 2, PortPair());
    ports.next = 0;
}

bool choose_port() {
    if (ports.account < 0)
        return true;
    pj_uint32_t now = now_ms();
    for (size_t tried = 0; tried < ports.pairs.size(); ++tried) {
        size_t index = (ports.next + tried) % ports.pairs.size();
        PortPair &pair = ports.pairs[index];
        if (pair.rests && pj_int32_t(now - pair.rests_until) >= 0)
            pair.rests = false;
        if (pair.used || pair.rests)
            continue;
        ports.next = (index + 1) % ports.pairs.size();
        pjsua_var.acc[ports.account].next_rtp_port = pj_uint16_t(ports.first + 2 * index);
        return true;
    }
    return false;
}

void conf_connect(int source, int sink, float level) {
    pjsua_conf_connect_param param;
    pjsua_conf_connect_param_default(&param);
    param.level = level;
    check(pjsua_conf_connect2(source, sink, &param), "connecting two ports");
}

void conf_disconnect(int source, int sink) {
    check(pjsua_conf_disconnect(source, sink), "disconnecting two ports");
}

std::vector<unsigned> conf_levels(int slot) {
    std::vector<unsigned> levels(2);
    check(pjsua_conf_get_signal_level(slot, &levels[0], &levels[1]), "reading levels");
    return levels;
}

void receive_media() {
    static const pj_time_val now = {0, 0};
    pj_ioqueue_t *queue = pjmedia_endpt_get_ioqueue(pjsua_var.med_endpt);
    // Bounded, so that a flood of packets can't hold up the tick.
    for (int batch = 0; batch < 256 && pj_ioqueue_poll(queue, &now) > 0; ++batch) {
    }
}

void release_stale_keys() {
    if (!keys_down_count)
        return;
    pj_uint32_t now = now_ms();
    for (int i = keys_down_count - 1; i >= 0; --i)
        if (now - keys[keys_down[i]].heard_at > KEY_LOST_AFTER_MS)
            key_up(keys_down[i]);
}

} // namespace ringback
