// A WebRTC leg's place on the conference bridge, and the worker that does its packets and codecs.
//
// The media clock only copies samples between the bridge and two rings. Sockets, SRTP, jitter buffers and codecs
// are the worker's: Opus costs a hundred times what G.711 does, and mustn't delay the packets of SIP calls. The
// worker moves twice a tick: right after it, to send what the bridge has mixed, and shortly before the next one, to
// decode what has arrived by then. Python attaches and detaches transports; a leg keeps its port while its
// transports come and go.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bridge_port.hpp"
#include "queues.hpp"
#include "rtc_session.hpp"

namespace ringback {

class RtcCore : public PortCore {
  public:
    RtcCore(uint64_t token, unsigned rate);

    // The clock.
    void render(int16_t *to, size_t count) override;
    void consume(const int16_t *from, size_t count) override;

    // Any thread.
    void allow(bool sends, bool hears) {
        sends_.store(sends, std::memory_order_release);
        hears_.store(hears, std::memory_order_release);
    }
    void press(char digit, unsigned ms);
    RtcFigures figures() const;
    uint64_t underruns() const { return underruns_.load(std::memory_order_relaxed); }
    // The transport that Python has given it last; null when none.
    std::shared_ptr<RtcSession> session() const;
    void hold(std::shared_ptr<RtcSession> session); // null: none any more

    // The worker.
    void take_session(std::shared_ptr<RtcSession> session);
    bool idle() const { return !running_; }
    void send();
    void receive();
    void decode();
    void publish();

  private:
    const unsigned rate_;
    const size_t frame_;
    SampleRing outgoing_, incoming_; // from the bridge, and to it
    std::atomic<bool> sends_{true}, hears_{true};
    std::atomic<uint32_t> rendered_{0}; // ticks in which somebody listened
    std::atomic<uint64_t> underruns_{0};
    std::atomic<size_t> tick_{0}; // samples of the bridge's tick
    mutable std::mutex mutex_;
    std::shared_ptr<RtcSession> held_; // under the mutex
    RtcFigures published_, before_;    // under the mutex; `before_`: of transports that are gone
    std::vector<std::pair<char, unsigned>> keys_; // under the mutex
    std::atomic<bool> has_keys_{false};
    // the worker's
    std::shared_ptr<RtcSession> running_;
    uint32_t seen_rendered_ = 0;
    unsigned unheard_ = 0;
};

class RtcPort : public PortHandle<RtcCore> {
  public:
    RtcPort(uint64_t token, unsigned rate) : PortHandle(std::make_shared<RtcCore>(token, rate)), token_(token), rate_(rate) {}
    ~RtcPort();
    void close() {
        detach();
        PortHandle::close();
    }
    // Any thread. The audio goes over this transport from now on; the former one is dropped. `fd` is duplicated;
    // -1: Python carries the packets (`feed`, `take`). Raises pj::Error for keys or a codec that can't be.
    void attach(int fd, const std::string &ip, unsigned port, const std::string &profile, const std::string &send_key,
                const std::string &receive_key, const std::string &codec, int bitrate, int complexity, int payload_type,
                int key_type, unsigned key_clock, unsigned ssrc, const std::string &cname);
    void aim(int fd, const std::string &ip, unsigned port);
    void detach();
    void allow(bool sends, bool hears) { core_->allow(sends, hears); }
    void press(char digit, unsigned ms) { core_->press(digit, ms); }
    RtcCore &core() { return *core_; }

  private:
    const uint64_t token_;
    const unsigned rate_;
};

class RtcWorker {
  public:
    static RtcWorker &instance();
    // Owner thread; around the clock's life.
    void start(bool realtime);
    void stop();
    // The clock, at the end of a tick: the next one is due at `due_ns`.
    void tick(int64_t due_ns);
    // Any thread: `core` gets this transport, or none. `aim_fd` etc. are in `Command`.
    struct Command {
        std::shared_ptr<RtcCore> core;
        std::shared_ptr<RtcSession> session; // the new one, or the one to aim
        bool aim = false;
        int fd = -1;
        std::string ip;
        unsigned port = 0;
    };
    void submit(Command command);

    uint64_t busy_us() const { return busy_us_.load(std::memory_order_relaxed); }
    unsigned sessions() const { return count_.load(std::memory_order_relaxed); }

  private:
    RtcWorker();
    static int run(void *worker);
    void loop();
    void wait();
    void obey();

    int fd_;
    std::atomic<bool> quit_{false};
    std::atomic<unsigned> count_{0};
    std::atomic<int64_t> due_ns_{0};
    std::atomic<uint64_t> busy_us_{0};
    bool realtime_ = false, running_ = false;
    std::mutex mutex_;
    std::vector<Command> commands_;              // under the mutex
    std::vector<std::shared_ptr<RtcCore>> cores_; // the worker's
    pj_pool_t *pool_ = nullptr;
    pj_thread_t *thread_ = nullptr;
};

} // namespace ringback
