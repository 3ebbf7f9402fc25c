#include "hub.hpp"

#include <algorithm>
#include <cstring>
#include <sys/eventfd.h>
#include <unistd.h>

namespace ringback {

Hub &Hub::instance() {
    static Hub hub;
    return hub;
}

// 65,536 events are 6 seconds of 200 ports that all have something to say in every tick.
Hub::Hub() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), events_(65536), lines_(1024) {}

void Hub::post(uint32_t kind, uint64_t token, int64_t a, int64_t b) {
    if (!events_.push(Event{kind, token, a, b}))
        lost.fetch_add(1, std::memory_order_relaxed);
    pending_.store(true, std::memory_order_release);
}

void Hub::log(int level, const char *text, int length) {
    LogLine line;
    line.level = level;
    size_t size = std::min<size_t>(size_t(std::max(length, 0)), sizeof(line.text) - 1);
    std::memcpy(line.text, text, size);
    line.text[size] = 0;
    if (!lines_.push(line))
        lost.fetch_add(1, std::memory_order_relaxed);
    pending_.store(true, std::memory_order_release);
}

void Hub::signal() {
    if (!pending_.exchange(false, std::memory_order_acq_rel))
        return;
    uint64_t one = 1;
    // A full counter means that a wake-up is already waiting.
    [[maybe_unused]] ssize_t written = ::write(fd_, &one, sizeof one);
}

void Hub::acknowledge() {
    uint64_t count;
    [[maybe_unused]] ssize_t taken = ::read(fd_, &count, sizeof count);
}

} // namespace ringback
