#include "clock.hpp"

#include <cerrno>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ctime>
#include <unistd.h>
#include <vector>

#include <pjsua-lib/pjsua.h>
#include <pjsua2/types.hpp>

#include "endpoint.hpp"
#include "hub.hpp"
#include "rtc_port.hpp"

namespace ringback {

namespace {
constexpr int64_t NS = 1000000000, LATE_NS = 5000000, GIVE_UP_NS = 200000000;
// Above ordinary work, below the kernel's own threads (which sit at 50).
constexpr int FIFO_PRIORITY = 20, NICE = -11;

int64_t now_ns() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return int64_t(t.tv_sec) * NS + t.tv_nsec;
}

void sleep_until(int64_t due) {
    timespec t{time_t(due / NS), long(due % NS)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr) == EINTR) {
    }
}
} // namespace

MediaClock::~MediaClock() {
    // The thread must not outlive its clock; it needs no PJSIP call to be told so.
    quit_.store(true);
}

void MediaClock::start(bool realtime) {
    if (thread_)
        throw pj::Error(PJ_EEXISTS, "start", "the clock runs already", __FILE__, __LINE__);
    realtime_ = realtime;
    quit_ = false;
    master_ = pjsua_set_no_snd_dev();
    pool_ = pjsua_pool_create("clock", 512, 512);
    pj_status_t status = pj_thread_create(pool_, "media-clock", &MediaClock::run, this, 0, 0, &thread_);
    if (status != PJ_SUCCESS)
        throw pj::Error(status, "start", "no thread for the media clock", __FILE__, __LINE__);
    RtcWorker::instance().start(realtime);
}

void MediaClock::stop() {
    if (!thread_)
        return;
    quit_ = true;
    pj_thread_join(thread_);
    pj_thread_destroy(thread_);
    thread_ = nullptr;
    pj_pool_release(pool_);
    pool_ = nullptr;
    RtcWorker::instance().stop();
}

ClockStats MediaClock::stats() {
    ClockStats stats;
    stats.ticks = ticks_;
    stats.late = late_;
    stats.skipped = skipped_;
    stats.worst_us = worst_us_.exchange(0);
    stats.busy_us = busy_us_;
    stats.scheduling = scheduling_.load();
    return stats;
}

int MediaClock::run(void *clock) {
    static_cast<MediaClock *>(clock)->loop();
    return 0;
}

void MediaClock::raise_priority() {
    sched_param param{};
    param.sched_priority = FIFO_PRIORITY;
    if (realtime_ && pthread_setschedparam(pthread_self(), SCHED_FIFO, &param) == 0)
        scheduling_ = "fifo";
    else if (realtime_ && setpriority(PRIO_PROCESS, id_t(syscall(SYS_gettid)), NICE) == 0)
        scheduling_ = "nice";
}

void MediaClock::tick(void *samples, size_t bytes) {
    receive_media(); // RTP of all calls in one batch, so that it is in the jitter buffers before they are read
    pjmedia_frame frame{};
    frame.buf = samples;
    frame.size = bytes;
    pjmedia_port_get_frame(master_, &frame);
    release_stale_keys();
    Hub::instance().signal();
}

void MediaClock::loop() {
    raise_priority();
    size_t count = PJMEDIA_PIA_SPF(&master_->info);
    int64_t interval = int64_t(PJMEDIA_PIA_PTIME(&master_->info)) * 1000000;
    std::vector<int16_t> samples(count);
    int64_t due = now_ns() + interval;
    while (!quit_.load(std::memory_order_relaxed)) {
        sleep_until(due);
        int64_t began = now_ns();
        int64_t late = began - due;
        if (late > LATE_NS)
            late_.fetch_add(1, std::memory_order_relaxed);
        if (uint64_t(late / 1000) > worst_us_.load(std::memory_order_relaxed))
            worst_us_.store(uint64_t(late / 1000), std::memory_order_relaxed);
        if (late > GIVE_UP_NS) { // a suspended machine: don't send a burst of old audio
            skipped_.fetch_add(uint64_t(late / interval), std::memory_order_relaxed);
            due += late / interval * interval;
        }
        tick(samples.data(), count * sizeof(int16_t));
        ticks_.fetch_add(1, std::memory_order_relaxed);
        busy_us_.fetch_add(uint64_t(now_ns() - began) / 1000, std::memory_order_relaxed);
        due += interval;
        RtcWorker::instance().tick(due);
    }
}

} // namespace ringback
