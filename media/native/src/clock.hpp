// The media clock: one thread that paces the conference bridge and receives RTP.
//
// It replaces pjsua's null sound device, which takes the highest real-time priority without asking and
// tells nothing about its lateness. The thread never takes Python's lock, so a busy Python can't delay it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include <pj/types.h>
#include <pjmedia/port.h>

namespace ringback {

struct ClockStats {
    uint64_t ticks = 0;
    uint64_t late = 0;      // ticks that began over 5 ms after their time
    uint64_t skipped = 0;   // ticks given up after a stall of more than 200 ms
    uint64_t worst_us = 0;  // the latest beginning since the last call of stats()
    uint64_t busy_us = 0;   // time spent inside ticks, in all
    std::string scheduling; // "fifo", "nice" or "plain": what the system allowed
};

class MediaClock {
  public:
    MediaClock() = default;
    ~MediaClock();
    // Owner thread, after libStart: takes over the bridge from the sound device.
    void start(bool realtime);
    // Owner thread, before libDestroy.
    void stop();
    // Any thread.
    ClockStats stats();

  private:
    static int run(void *clock);
    void loop();
    void raise_priority();
    void tick(void *samples, size_t bytes);

    bool realtime_ = false;
    std::atomic<bool> quit_{false};
    std::atomic<const char *> scheduling_{"plain"};
    std::atomic<uint64_t> ticks_{0}, late_{0}, skipped_{0}, worst_us_{0}, busy_us_{0};
    pj_pool_t *pool_ = nullptr;
    pj_thread_t *thread_ = nullptr;
    pjmedia_port *master_ = nullptr;
};

} // namespace ringback
