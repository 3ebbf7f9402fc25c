// Hears keypad tones (ITU-T Q.23) in audio, to the tolerances of ITU-T Q.24, and the port that listens.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bridge_port.hpp"

namespace ringback {

// Goertzel filters over blocks of 102 samples at 8 kHz (12.75 ms): their bandwidth of 78 Hz takes tones that
// are 1.5 % off and refuses those 3.5 % off. Two blocks in a row begin a key, two without it end it: tones of
// 40 ms are always taken, those under 17 ms never (a block counts when two thirds of it are tone), and short
// interruptions are ridden over.
class KeyDetector {
  public:
    explicit KeyDetector(unsigned rate); // 8000 or 16000 Hz

    // Feeds audio (null: silence). Calls `report(digit, milliseconds)` when a key goes down (0 ms) and when
    // it comes up again (its length).
    template <typename Report> void feed(const int16_t *samples, size_t count, Report report) {
        for (size_t i = 0; i < count; ++i) {
            if (!take(samples ? samples[i] : 0))
                continue;
            char heard = decide();
            step(heard, report);
        }
    }

  private:
    static constexpr int TONES = 8; // four rows, four columns
    static constexpr int BLOCK = 102;

    bool take(int16_t sample); // true: a block is complete
    char decide();             // the key of the block, or 0; begins the next block

    template <typename Report> void step(char heard, Report &report) {
        if (down_ && heard == down_) {
            blocks_ += 1 + misses_;
            misses_ = 0;
        } else if (down_ && ++misses_ == 2) {
            report(down_, unsigned(blocks_ * BLOCK / 8));
            down_ = 0;
        }
        if (!down_ && heard && heard == previous_) {
            down_ = heard;
            blocks_ = 2;
            misses_ = 0;
            report(down_, 0u);
        }
        previous_ = heard;
    }

    const bool halve_; // 16 kHz input: pairs are averaged to 8 kHz
    int32_t half_ = 0;
    bool has_half_ = false;
    float coefficient_[TONES];
    float s1_[TONES] = {}, s2_[TONES] = {};
    float energy_ = 0;
    int filled_ = 0;
    char previous_ = 0, down_ = 0;
    unsigned blocks_ = 0, misses_ = 0;
};

// A port that only listens. Connect a call to it whose peer sends keys as tones.
class KeyTapCore : public PortCore {
  public:
    KeyTapCore(uint64_t token, unsigned rate) : PortCore(token), detector_(rate) {}
    void render(int16_t *to, size_t count) override;
    void consume(const int16_t *from, size_t count) override;

  private:
    KeyDetector detector_;
};

class KeyTap : public PortHandle<KeyTapCore> {
  public:
    KeyTap(uint64_t token, unsigned rate) : PortHandle(std::make_shared<KeyTapCore>(token, rate)) {}
};

} // namespace ringback
