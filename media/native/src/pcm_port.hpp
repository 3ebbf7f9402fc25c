// Audio between Python and a call: two rings, one each way.
#pragma once

#include <atomic>
#include <memory>

#include "bridge_port.hpp"
#include "queues.hpp"

namespace ringback {

struct PcmCounters {
    uint64_t received = 0;  // samples from the call
    uint64_t overrun = 0;   // of them, dropped because Python didn't read
    uint64_t skipped = 0;   // of them, passed over to stay within the maximum latency
    uint64_t written = 0;   // samples from Python
    uint64_t played = 0;    // of them, heard by the call
    uint64_t flushed = 0;   // of them, thrown away by flush
    uint64_t underrun = 0;  // samples of silence that filled a gap inside what Python was saying
};

struct PcmSettings {
    unsigned receive_capacity; // samples
    unsigned send_capacity;    // samples
    unsigned notify_at;        // tell Python when this many samples wait to be read
    unsigned max_latency;      // reading more than this late skips the oldest; 0: never
    unsigned prebuffer;        // begin to play when this many samples were written
    unsigned low_water;        // tell Python when fewer than this are left; 0: never
};

class PcmCore : public PortCore {
  public:
    PcmCore(uint64_t token, const PcmSettings &settings);

    void render(int16_t *to, size_t count) override;
    void consume(const int16_t *from, size_t count) override;

    // Python.
    size_t read(int16_t *to, size_t count);
    size_t write(const int16_t *from, size_t count);
    bool mark(uint64_t id);
    void flush();
    void end();
    PcmCounters counters() const;
    size_t readable() const { return received_.available(); }
    size_t queued() const { return sending_.available(); }
    size_t room() const { return sending_.capacity() - sending_.available(); }

  private:
    struct Mark {
        uint64_t position;
        uint64_t id;
    };
    void take_flush();
    void report_marks();

    const PcmSettings settings_;
    SampleRing received_; // the clock writes, Python reads
    SampleRing sending_;  // Python writes, the clock reads
    BoundedQueue<Mark> marks_;
    std::atomic<bool> notified_{false};
    std::atomic<uint64_t> flush_to_{0};
    std::atomic<uint64_t> end_at_{0}; // position, plus one; 0: no end
    std::atomic<uint64_t> overrun_{0}, skipped_{0}, flushed_{0}, underrun_{0};
    // The clock's own.
    bool flowing_ = false; // between the prebuffer and an end or a gap
    bool low_told_ = false;
    bool has_mark_ = false;
    Mark mark_{};
    uint64_t flushed_to_ = 0;
};

class PcmPort : public PortHandle<PcmCore> {
  public:
    PcmPort(uint64_t token, const PcmSettings &settings)
        : PortHandle(std::make_shared<PcmCore>(token, settings)) {}
    PcmCore &core() { return *core_; }
};

} // namespace ringback
