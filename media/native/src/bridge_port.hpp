// What our ports on PJMEDIA's conference bridge have in common: their lifetime.
//
// Three threads meet here. The clock calls `render` and `consume` and never waits. The SIP owner thread
// opens and closes, because only it may call PJSIP. Python holds a handle and may drop it anywhere, on the
// collector's thread too, so a handle's destructor doesn't touch PJSIP: it leaves the port to `reap`.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include <pjmedia/port.h>

namespace ringback {

class PortCore {
  public:
    explicit PortCore(uint64_t token) : token_(token) {}
    virtual ~PortCore() = default;
    PortCore(const PortCore &) = delete;
    PortCore &operator=(const PortCore &) = delete;

    // Clock thread. `count` samples; `from` is null while nobody transmits to this port.
    virtual void render(int16_t *to, size_t count) = 0;
    virtual void consume(const int16_t *from, size_t count) = 0;

    // Owner thread.
    static void open(const std::shared_ptr<PortCore> &core, const char *name, unsigned rate, unsigned samples);
    void close();
    int slot() const { return slot_.load(std::memory_order_acquire); }

  protected:
    const uint64_t token_;

  private:
    static pj_status_t on_get(pjmedia_port *port, pjmedia_frame *frame);
    static pj_status_t on_put(pjmedia_port *port, pjmedia_frame *frame);
    static pj_status_t on_destroy(pjmedia_port *port);

    pjmedia_port port_{};
    pj_pool_t *pool_ = nullptr;
    std::atomic<int> slot_{-1}; // written by the owner thread alone
    // The bridge's own reference. It removes ports in its next tick, so the memory must outlive `close`;
    // PJMEDIA calls on_destroy when its last user is gone.
    std::shared_ptr<PortCore> self_;
};

// Python's handle on a port.
template <typename Core> class PortHandle {
  public:
    ~PortHandle();
    // Owner thread. Puts the port on the bridge; raises when the bridge is full.
    void open(const char *name, unsigned rate, unsigned samples_per_tick) {
        PortCore::open(core_, name, rate, samples_per_tick);
    }
    // Owner thread. Takes it off again; harmless when done twice.
    void close() { core_->close(); }
    int slot() const { return core_->slot(); }

  protected:
    explicit PortHandle(std::shared_ptr<Core> core) : core_(std::move(core)) {}
    std::shared_ptr<Core> core_;
};

// Leaves a port whose handle is gone to the owner thread.
void abandon(std::shared_ptr<PortCore> core);
// Owner thread: closes what was abandoned; returns how many.
unsigned reap();
// Owner thread, before PJSIP goes: closes every port that is still open, so that handles which outlive it are
// harmless, and so that the next engine doesn't find them.
void close_all();

template <typename Core> PortHandle<Core>::~PortHandle() {
    if (core_)
        abandon(std::move(core_));
}

} // namespace ringback
