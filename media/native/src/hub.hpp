// The hub: the one way by which native code tells Python that something happened.
#pragma once

#include <atomic>
#include <cstdint>

#include "queues.hpp"

namespace ringback {

// Kept in step with media/native/stubs/pjsua2.pyi and media/engine.py.
enum EventKind : uint32_t {
    EVENT_CLIP_FINISHED = 1, // a: program id, b: 0 completed, 1 stopped
    EVENT_PCM_READABLE = 2,  // a: samples waiting
    EVENT_PCM_LOW = 3,       // a: samples left to play
    EVENT_PCM_MARK = 4,      // a: mark id, b: 0 played, 1 flushed before it was heard
    EVENT_PCM_ENDED = 5,     // everything written before end() was played or flushed
    EVENT_KEY_DOWN = 6,      // a: digit, b: KeySource
    EVENT_KEY_UP = 7,        // a: digit | KeySource << 8, b: milliseconds held
    EVENT_REINVITE_REFUSED = 8, // a: SIP status
    EVENT_RTC_DATAGRAMS = 9, // packets wait for Python: see RtcPort::take
};

enum KeySource : uint32_t { KEY_FROM_RTP = 0, KEY_FROM_INFO = 1, KEY_FROM_AUDIO = 2 };

struct Event {
    uint32_t kind;
    uint64_t token; // whom it concerns: given by Python, never reused
    int64_t a;
    int64_t b;
};

struct LogLine {
    int level;
    char text[244];
};

class Hub {
  public:
    static Hub &instance();

    int fd() const { return fd_; }

    // Any thread. Never waits; what doesn't fit is counted in `lost`.
    void post(uint32_t kind, uint64_t token, int64_t a = 0, int64_t b = 0);
    void log(int level, const char *text, int length);

    // Wakes Python if anything was posted since it last looked. The media clock calls it once at the end of
    // a tick, for all ports together; other threads after each post.
    void signal();

    // Python: acknowledge the wake-up, then pop until empty.
    void acknowledge();
    bool next(Event &event) { return events_.pop(event); }
    bool next(LogLine &line) { return lines_.pop(line); }

    std::atomic<uint64_t> lost{0};      // events that found the queue full
    std::atomic<uint64_t> malformed{0}; // datagrams and streams that weren't SIP
    std::atomic<uint64_t> portless{0};  // calls refused because every RTP port was used or resting

  private:
    Hub();
    int fd_;
    std::atomic<bool> pending_{false};
    BoundedQueue<Event> events_;
    BoundedQueue<LogLine> lines_;
};

} // namespace ringback
