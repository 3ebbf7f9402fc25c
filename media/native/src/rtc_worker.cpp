#include <algorithm>
#include <cerrno>
#include <ctime>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <pjsua-lib/pjsua.h>
#include <pjsua2/types.hpp>

#include "hub.hpp"
#include "rtc_port.hpp"

namespace ringback {

namespace {
constexpr int64_t NS = 1000000000;
constexpr int64_t LEAD_NS = 2000000, MOST_LEAD_NS = 12000000; // how long before the tick decoding begins
// Just below the clock: it may wait for nobody, we may wait for it.
constexpr int FIFO_PRIORITY = 19, NICE = -10;

int64_t now_ns() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return int64_t(t.tv_sec) * NS + t.tv_nsec;
}
} // namespace

RtcWorker &RtcWorker::instance() {
    static RtcWorker worker;
    return worker;
}

RtcWorker::RtcWorker() : fd_(eventfd(0, EFD_CLOEXEC)) {}

void RtcWorker::start(bool realtime) {
    realtime_ = realtime;
    quit_ = false;
    pool_ = pjsua_pool_create("rtc-worker", 512, 512);
    pj_status_t status = pj_thread_create(pool_, "rtc-worker", &RtcWorker::run, this, 0, 0, &thread_);
    if (status != PJ_SUCCESS)
        throw pj::Error(status, "start", "no thread for WebRTC media", __FILE__, __LINE__);
    std::lock_guard<std::mutex> guard(mutex_);
    running_ = true;
}

void RtcWorker::stop() {
    if (!thread_)
        return;
    {
        std::lock_guard<std::mutex> guard(mutex_);
        running_ = false;
    }
    quit_ = true;
    uint64_t one = 1;
    [[maybe_unused]] ssize_t written = ::write(fd_, &one, sizeof one);
    pj_thread_join(thread_);
    pj_thread_destroy(thread_);
    thread_ = nullptr;
    pj_pool_release(pool_);
    pool_ = nullptr;
}

void RtcWorker::submit(Command command) {
    {
        std::lock_guard<std::mutex> guard(mutex_);
        if (!running_) { // the engine has stopped: there is no media any more
            if (command.fd >= 0)
                ::close(command.fd);
            return;
        }
        commands_.push_back(std::move(command));
    }
    count_.fetch_add(1, std::memory_order_release); // wakes it with the next tick; corrected when it has obeyed
}

void RtcWorker::tick(int64_t due_ns) {
    if (!count_.load(std::memory_order_acquire))
        return;
    due_ns_.store(due_ns, std::memory_order_release);
    uint64_t one = 1;
    [[maybe_unused]] ssize_t written = ::write(fd_, &one, sizeof one);
}

int RtcWorker::run(void *worker) {
    static_cast<RtcWorker *>(worker)->loop();
    return 0;
}

void RtcWorker::wait() {
    uint64_t ticks;
    while (::read(fd_, &ticks, sizeof ticks) < 0 && errno == EINTR) {
    }
}

void RtcWorker::obey() {
    std::vector<Command> batch;
    {
        std::lock_guard<std::mutex> guard(mutex_);
        batch.swap(commands_);
    }
    for (Command &command : batch) {
        if (command.aim) {
            command.session->aim(command.fd, command.ip, command.port);
            continue;
        }
        bool usable = command.session && command.session->start();
        auto known = std::find(cores_.begin(), cores_.end(), command.core);
        if (command.session && !usable)
            command.session->finish();
        command.core->take_session(usable ? command.session : nullptr);
        if (usable && known == cores_.end())
            cores_.push_back(command.core);
        else if (!usable && known != cores_.end())
            cores_.erase(known);
    }
    // What was submitted meanwhile has been counted too, and is obeyed after the next tick.
    std::lock_guard<std::mutex> guard(mutex_);
    count_.store(unsigned(cores_.size() + commands_.size()), std::memory_order_release);
}

void RtcWorker::loop() {
    sched_param param{};
    param.sched_priority = FIFO_PRIORITY;
    if (realtime_ && pthread_setschedparam(pthread_self(), SCHED_FIFO, &param) != 0)
        setpriority(PRIO_PROCESS, id_t(syscall(SYS_gettid)), NICE);
    int64_t decoding_ns = 0;
    for (;;) {
        wait();
        if (quit_)
            break;
        int64_t began = now_ns();
        obey();
        for (auto &core : cores_)
            core->send();
        Hub::instance().signal();
        int64_t worked = now_ns() - began;

        int64_t due = due_ns_.load(std::memory_order_acquire);
        int64_t at = due - std::min(MOST_LEAD_NS, LEAD_NS + 2 * decoding_ns);
        timespec t{time_t(at / NS), long(at % NS)};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr) == EINTR) {
        }
        began = now_ns();
        for (auto &core : cores_) {
            core->receive();
            core->decode();
            core->publish();
        }
        Hub::instance().signal();
        decoding_ns = now_ns() - began;
        busy_us_.fetch_add(uint64_t(worked + decoding_ns) / 1000, std::memory_order_relaxed);
    }
    for (auto &core : cores_)
        core->take_session(nullptr);
    cores_.clear();
    std::lock_guard<std::mutex> guard(mutex_);
    commands_.clear();
    count_ = 0;
}

} // namespace ringback
