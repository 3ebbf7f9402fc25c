#include "clip_port.hpp"

#include <algorithm>
#include <cstring>

#include "hub.hpp"

namespace ringback {

namespace {
constexpr int COMPLETED = 0;
constexpr int STOPPED = 1;
constexpr unsigned FADE_SAMPLES_OF = 4; // a quarter of a 20 ms tick
} // namespace

ClipCore::~ClipCore() {
    bury();
    delete next_.load();
    delete current_;
}

void ClipCore::play(Program *program) {
    bury();
    // A program that the clock hasn't seen yet is ours to end.
    if (Program *unseen = next_.exchange(program, std::memory_order_acq_rel)) {
        Hub::instance().post(EVENT_CLIP_FINISHED, token_, int64_t(unseen->id), STOPPED);
        delete unseen;
        Hub::instance().signal();
    }
}

void ClipCore::bury() {
    Program *dead = graveyard_.exchange(nullptr, std::memory_order_acq_rel);
    while (dead) {
        Program *next = dead->next;
        delete dead;
        dead = next;
    }
}

void ClipCore::finish(int reason) {
    Hub::instance().post(EVENT_CLIP_FINISHED, token_, int64_t(current_->id), reason);
    current_->next = graveyard_.load(std::memory_order_relaxed);
    while (!graveyard_.compare_exchange_weak(current_->next, current_, std::memory_order_acq_rel)) {
    }
    current_ = nullptr;
}

// Copies the next samples of the present program; returns how many there were before it ended.
size_t ClipCore::fill(int16_t *to, size_t count) {
    size_t done = 0;
    while (done < count && current_->clip < current_->clips.size()) {
        const auto &samples = *current_->clips[current_->clip];
        size_t n = std::min(count - done, samples.size() - current_->offset);
        std::memcpy(to + done, samples.data() + current_->offset, n * sizeof(int16_t));
        done += n;
        current_->offset += n;
        if (current_->offset == samples.size()) {
            current_->offset = 0;
            ++current_->clip;
            if (current_->loop && current_->clip == current_->clips.size())
                current_->clip = 0;
        }
    }
    return done;
}

void ClipCore::fade(int16_t *to, size_t count) {
    size_t ramp = fill(to, count / FADE_SAMPLES_OF);
    for (size_t i = 0; i < ramp; ++i)
        to[i] = int16_t(int32_t(to[i]) * int32_t(ramp - i) / int32_t(ramp));
    std::memset(to + ramp, 0, (count - ramp) * sizeof(int16_t));
}

void ClipCore::render(int16_t *to, size_t count) {
    bool silent = paused_.load(std::memory_order_acquire);
    if (Program *fresh = next_.exchange(nullptr, std::memory_order_acq_rel)) {
        if (current_)
            finish(STOPPED);
        current_ = fresh;
        position_.store(0, std::memory_order_release);
    }
    if (current_ && current_->id <= stop_id_.load(std::memory_order_acquire)) {
        if (silent || position() == 0)
            std::memset(to, 0, count * sizeof(int16_t));
        else
            fade(to, count);
        finish(STOPPED);
        return;
    }
    if (!current_ || silent) {
        // Silence is sent, not withheld: NATs and RTP timeouts at the far end need the stream to go on.
        std::memset(to, 0, count * sizeof(int16_t));
        return;
    }
    size_t done = fill(to, count);
    position_.fetch_add(done, std::memory_order_acq_rel);
    std::memset(to + done, 0, (count - done) * sizeof(int16_t));
    if (current_->clip == current_->clips.size())
        finish(COMPLETED);
}

void ClipPort::play(uint64_t id, const std::vector<ClipBuffer *> &clips, bool loop, uint64_t start) {
    auto program = std::make_unique<Program>();
    program->id = id;
    for (ClipBuffer *clip : clips) {
        if (!clip->size())
            continue;
        if (program->clips.empty() && start >= clip->size()) { // starts behind this clip
            start -= clip->size();
            continue;
        }
        program->clips.push_back(clip->samples());
    }
    program->offset = program->clips.empty() ? 0 : size_t(start);
    program->loop = loop && !program->clips.empty();
    core_->play(program.release());
}

} // namespace ringback
