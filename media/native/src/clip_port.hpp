// Plays clips from memory: one port a call for prompts, or one for all calls for music on hold.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "bridge_port.hpp"

namespace ringback {

// Samples shared by everyone who plays them; copied from Python once.
class ClipBuffer {
  public:
    ClipBuffer(const int16_t *samples, size_t count)
        : samples_(std::make_shared<const std::vector<int16_t>>(samples, samples + count)) {}
    size_t size() const { return samples_->size(); }
    std::shared_ptr<const std::vector<int16_t>> samples() const { return samples_; }

  private:
    std::shared_ptr<const std::vector<int16_t>> samples_;
};

// What to play: clips one after the other. Built by Python, played by the clock, freed by Python.
struct Program {
    uint64_t id = 0;
    bool loop = false;
    std::vector<std::shared_ptr<const std::vector<int16_t>>> clips;
    size_t clip = 0;       // the clock's place: which clip,
    size_t offset = 0;     // and the next sample in it
    Program *next = nullptr; // in the graveyard
};

class ClipCore : public PortCore {
  public:
    using PortCore::PortCore;
    ~ClipCore() override;

    void render(int16_t *to, size_t count) override;
    void consume(const int16_t *, size_t) override {}

    // Python.
    void play(Program *program);
    void stop(uint64_t up_to_id) { stop_id_.store(up_to_id, std::memory_order_release); }
    void pause(bool paused) { paused_.store(paused, std::memory_order_release); }
    uint64_t position() const { return position_.load(std::memory_order_acquire); }
    void bury(); // frees what the clock has finished with

  private:
    void finish(int reason);
    size_t fill(int16_t *to, size_t count);
    void fade(int16_t *to, size_t count);

    std::atomic<Program *> next_{nullptr};
    std::atomic<Program *> graveyard_{nullptr};
    std::atomic<uint64_t> stop_id_{0};
    std::atomic<uint64_t> position_{0}; // samples of the present program that were played
    std::atomic<bool> paused_{false};
    Program *current_ = nullptr; // the clock's own
};

class ClipPort : public PortHandle<ClipCore> {
  public:
    explicit ClipPort(uint64_t token) : PortHandle(std::make_shared<ClipCore>(token)) {}
    // Replaces what plays with `clips`, beginning `start` samples in, from the next tick on. The replaced
    // program ends with EVENT_CLIP_FINISHED, stopped. `id` must rise from call to call.
    void play(uint64_t id, const std::vector<ClipBuffer *> &clips, bool loop, uint64_t start);
    // Ends every program up to `id` in the next tick, with a 5 ms fade so that it doesn't click.
    void stop(uint64_t id) { core_->stop(id); }
    void pause(bool paused) { core_->pause(paused); }
    uint64_t position() const { return core_->position(); }
};

} // namespace ringback
