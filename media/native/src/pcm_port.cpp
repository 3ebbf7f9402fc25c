#include "pcm_port.hpp"

#include <cstring>

#include "hub.hpp"

namespace ringback {

PcmCore::PcmCore(uint64_t token, const PcmSettings &settings)
    : PortCore(token), settings_(settings), received_(settings.receive_capacity),
      sending_(settings.send_capacity), marks_(64) {}

// ---- the clock's side

void PcmCore::consume(const int16_t *from, size_t count) {
    size_t stored = received_.write(from, count);
    if (stored < count)
        overrun_.fetch_add(count - stored, std::memory_order_relaxed);
    if (received_.available() >= settings_.notify_at && !notified_.exchange(true, std::memory_order_acq_rel))
        Hub::instance().post(EVENT_PCM_READABLE, token_, int64_t(received_.available()));
}

void PcmCore::take_flush() {
    uint64_t to = flush_to_.load(std::memory_order_acquire);
    if (to <= sending_.taken())
        return;
    flushed_.fetch_add(to - sending_.taken(), std::memory_order_relaxed);
    sending_.skip_to(to);
    flushed_to_ = to;
    flowing_ = false;
}

void PcmCore::report_marks() {
    uint64_t at = sending_.taken();
    while (has_mark_ || marks_.pop(mark_)) {
        has_mark_ = mark_.position > at;
        if (has_mark_)
            return;
        Hub::instance().post(EVENT_PCM_MARK, token_, int64_t(mark_.id), mark_.position <= flushed_to_ ? 1 : 0);
    }
}

void PcmCore::render(int16_t *to, size_t count) {
    take_flush();
    uint64_t end = end_at_.load(std::memory_order_acquire);
    size_t there = sending_.available();
    if (!flowing_ && there && (there >= settings_.prebuffer || end))
        flowing_ = true;
    size_t done = flowing_ ? sending_.read(to, count) : 0;
    std::memset(to + done, 0, (count - done) * sizeof(int16_t));

    bool ended = end && sending_.taken() >= end - 1;
    if (flowing_ && done < count && !ended)
        underrun_.fetch_add(count - done, std::memory_order_relaxed);
    if (flowing_ && done == 0)
        flowing_ = false; // a whole tick of nothing: prebuffer again rather than stutter
    report_marks();

    size_t left = sending_.available();
    if (settings_.low_water && left >= settings_.low_water)
        low_told_ = false;
    else if (settings_.low_water && flowing_ && !end && !low_told_) {
        low_told_ = true;
        Hub::instance().post(EVENT_PCM_LOW, token_, int64_t(left));
    }
    if (ended && end_at_.compare_exchange_strong(end, 0, std::memory_order_acq_rel)) {
        flowing_ = false;
        Hub::instance().post(EVENT_PCM_ENDED, token_);
    }
}

// ---- Python's side

size_t PcmCore::read(int16_t *to, size_t count) {
    notified_.store(false, std::memory_order_release); // before reading: what comes meanwhile tells again
    size_t there = received_.available();
    if (settings_.max_latency && there > settings_.max_latency) {
        size_t late = there - settings_.max_latency;
        received_.skip_to(received_.taken() + late);
        skipped_.fetch_add(late, std::memory_order_relaxed);
    }
    return received_.read(to, count);
}

size_t PcmCore::write(const int16_t *from, size_t count) {
    return sending_.write(from, count);
}

bool PcmCore::mark(uint64_t id) {
    return marks_.push(Mark{sending_.written(), id});
}

void PcmCore::flush() {
    flush_to_.store(sending_.written(), std::memory_order_release);
}

void PcmCore::end() {
    end_at_.store(sending_.written() + 1, std::memory_order_release);
}

PcmCounters PcmCore::counters() const {
    PcmCounters counters;
    counters.overrun = overrun_.load(std::memory_order_relaxed);
    counters.received = received_.written() + counters.overrun;
    counters.skipped = skipped_.load(std::memory_order_relaxed);
    counters.written = sending_.written();
    counters.flushed = flushed_.load(std::memory_order_relaxed);
    counters.played = sending_.taken() - counters.flushed;
    counters.underrun = underrun_.load(std::memory_order_relaxed);
    return counters;
}

} // namespace ringback
