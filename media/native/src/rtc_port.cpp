#include "rtc_port.hpp"

#include <algorithm>
#include <cstring>
#include <unistd.h>

#include <pj/errno.h>
#include <pjsua2/types.hpp>

#include "hub.hpp"

namespace ringback {

namespace {
constexpr unsigned UNHEARD_TICKS = 3; // after so many without a listener nothing is decoded
constexpr size_t RING_FRAMES = 8;

RtcFigures sum(const RtcFigures &before, const RtcFigures &now) {
    RtcFigures all = now;
    all.received += before.received;
    all.lost += before.lost;
    all.sent += before.sent;
    all.concealed += before.concealed;
    all.discarded += before.discarded;
    all.refused += before.refused;
    if (all.round_trip_ms < 0)
        all.round_trip_ms = before.round_trip_ms;
    if (all.jitter_ms == 0)
        all.jitter_ms = before.jitter_ms;
    return all;
}
} // namespace

RtcCore::RtcCore(uint64_t token, unsigned rate)
    : PortCore(token), rate_(rate), frame_(rate / 1000 * FRAME_MS), outgoing_(RING_FRAMES * frame_),
      incoming_(RING_FRAMES * frame_) {
    published_.heard_ms = rtc_now_ms();
}

// ---- the clock

void RtcCore::render(int16_t *to, size_t count) {
    tick_.store(count, std::memory_order_relaxed);
    rendered_.fetch_add(1, std::memory_order_release);
    size_t done = incoming_.read(to, count);
    std::memset(to + done, 0, (count - done) * sizeof(int16_t));
}

void RtcCore::consume(const int16_t *from, size_t count) {
    if (outgoing_.write(from, count) < count)
        underruns_.fetch_add(1, std::memory_order_relaxed); // the worker is behind, or there is no transport
}

// ---- any thread

void RtcCore::press(char digit, unsigned ms) {
    std::lock_guard<std::mutex> guard(mutex_);
    if (keys_.size() < 256)
        keys_.emplace_back(digit, ms);
    has_keys_.store(true, std::memory_order_release);
}

RtcFigures RtcCore::figures() const {
    std::lock_guard<std::mutex> guard(mutex_);
    return sum(before_, published_);
}

std::shared_ptr<RtcSession> RtcCore::session() const {
    std::lock_guard<std::mutex> guard(mutex_);
    return held_;
}

void RtcCore::hold(std::shared_ptr<RtcSession> session) {
    std::lock_guard<std::mutex> guard(mutex_);
    held_ = std::move(session);
}

// ---- the worker

void RtcCore::take_session(std::shared_ptr<RtcSession> session) {
    publish();
    {
        std::lock_guard<std::mutex> guard(mutex_);
        before_ = sum(before_, published_);
        published_ = RtcFigures();
        published_.heard_ms = rtc_now_ms();
    }
    if (running_)
        running_->finish();
    running_ = std::move(session);
    outgoing_.skip_to(outgoing_.written()); // what was said before is nobody's
    publish();
}

void RtcCore::publish() {
    if (!running_)
        return;
    const RtcFigures &now = running_->figures();
    std::lock_guard<std::mutex> guard(mutex_);
    published_ = now;
}

void RtcCore::send() {
    if (has_keys_.exchange(false, std::memory_order_acq_rel)) {
        std::lock_guard<std::mutex> guard(mutex_);
        for (auto [digit, ms] : keys_)
            running_->press(digit, ms);
        keys_.clear();
    }
    int16_t frame[FRAME_SAMPLES];
    while (outgoing_.available() >= frame_) {
        outgoing_.read(frame, frame_);
        running_->push(frame, sends_.load(std::memory_order_acquire));
    }
    running_->report();
}

void RtcCore::receive() { running_->receive(); }

void RtcCore::decode() {
    uint32_t rendered = rendered_.load(std::memory_order_acquire);
    unheard_ = rendered == seen_rendered_ ? unheard_ + 1 : 0;
    seen_rendered_ = rendered;
    if (unheard_ >= UNHEARD_TICKS) {
        running_->skip();
        return;
    }
    // One tick ahead, no more: when the worker was late once, the delay doesn't stay.
    size_t wanted = std::max<size_t>(tick_.load(std::memory_order_relaxed), 1);
    int16_t frame[FRAME_SAMPLES];
    while (incoming_.available() < wanted) {
        size_t count = running_->pull(frame);
        if (!hears_.load(std::memory_order_acquire))
            std::memset(frame, 0, sizeof frame);
        incoming_.write(frame, count);
    }
}

// ---- Python's handle

RtcPort::~RtcPort() {
    if (core_)
        detach();
}

void RtcPort::attach(int fd, const std::string &ip, unsigned port, const std::string &profile,
                     const std::string &send_key, const std::string &receive_key, const std::string &codec,
                     int bitrate, int complexity, int payload_type, int key_type, unsigned key_clock, unsigned ssrc,
                     const std::string &cname) {
    bool known = codec == "opus" || codec == "PCMU" || codec == "PCMA";
    if (!known || (rate_ != 8000 && rate_ != 16000) || key_clock < 1000)
        throw pj::Error(PJ_EINVAL, "attach", "not a codec of WebRTC legs: " + codec, __FILE__, __LINE__);
    auto srtp = std::make_unique<SrtpPair>(profile, send_key, receive_key);
    RtcSettings settings;
    settings.token = token_;
    settings.fd = fd >= 0 ? dup(fd) : -1;
    if (fd >= 0 && settings.fd < 0)
        throw pj::Error(PJ_EINVAL, "attach", "the socket can't be duplicated", __FILE__, __LINE__);
    settings.ip = ip;
    settings.port = port;
    settings.codec = {codec, rate_, bitrate, complexity};
    settings.payload_type = payload_type;
    settings.key_type = key_type;
    settings.key_clock = key_clock;
    settings.ssrc = ssrc;
    settings.cname = cname.substr(0, 64);
    auto session = std::make_shared<RtcSession>(std::move(settings), std::move(srtp));
    core_->hold(session);
    RtcWorker::instance().submit({core_, std::move(session), false, -1, "", 0});
}

void RtcPort::aim(int fd, const std::string &ip, unsigned port) {
    if (auto session = core_->session())
        RtcWorker::instance().submit({core_, session, true, fd >= 0 ? dup(fd) : -1, ip, port});
}

void RtcPort::detach() {
    if (!core_->session())
        return;
    core_->hold(nullptr);
    RtcWorker::instance().submit({core_, nullptr, false, -1, "", 0});
}

} // namespace ringback
