#include "key_detector.hpp"

#include <cmath>
#include <cstring>

#include "hub.hpp"

namespace ringback {

namespace {
constexpr double FREQUENCIES[8] = {697, 770, 852, 941, 1209, 1336, 1477, 1633};
constexpr char KEYS[4][4] = {{'1', '2', '3', 'A'}, {'4', '5', '6', 'B'}, {'7', '8', '9', 'C'}, {'*', '0', '#', 'D'}};

// Of each tone, as the amplitude of a sine: -50 dBFS, below what Q.24 asks for.
constexpr float MIN_AMPLITUDE = 104.0f;
// Row against column, either way: 8 dB. Q.24 lists 4 to 10 dB, by administration.
constexpr float MAX_TWIST = 6.31f;
// The strongest of a group above its runner-up: 6 dB.
constexpr float MIN_LEAD = 4.0f;
// Share of the block's energy that lies in the two tones. Speech and music seldom reach a third; a pair
// that is 3.5 % off reaches 0.53, one that is 1.5 % off and twisted by 6 dB still 0.75.
constexpr float MIN_SHARE = 0.66f;

int strongest(const float *power, int count) {
    int best = 0;
    for (int i = 1; i < count; ++i)
        if (power[i] > power[best])
            best = i;
    return best;
}

bool leads(const float *power, int count, int best) {
    for (int i = 0; i < count; ++i)
        if (i != best && power[i] * MIN_LEAD > power[best])
            return false;
    return true;
}
} // namespace

KeyDetector::KeyDetector(unsigned rate) : halve_(rate == 16000) {
    for (int i = 0; i < TONES; ++i)
        coefficient_[i] = float(2.0 * std::cos(2.0 * M_PI * FREQUENCIES[i] / 8000.0));
}

bool KeyDetector::take(int16_t sample) {
    int32_t at_8k = sample;
    if (halve_) {
        has_half_ = !has_half_;
        if (has_half_) {
            half_ = sample;
            return false;
        }
        at_8k = (half_ + sample) / 2;
    }
    float x = float(at_8k);
    energy_ += x * x;
    for (int i = 0; i < TONES; ++i) {
        float s = x + coefficient_[i] * s1_[i] - s2_[i];
        s2_[i] = s1_[i];
        s1_[i] = s;
    }
    return ++filled_ == BLOCK;
}

char KeyDetector::decide() {
    float power[TONES]; // of a sine of amplitude A: (A * BLOCK / 2)^2
    for (int i = 0; i < TONES; ++i) {
        power[i] = s1_[i] * s1_[i] + s2_[i] * s2_[i] - coefficient_[i] * s1_[i] * s2_[i];
        s1_[i] = s2_[i] = 0;
    }
    float energy = energy_;
    energy_ = 0;
    filled_ = 0;

    int row = strongest(power, 4), column = strongest(power + 4, 4);
    float low = power[row], high = power[4 + column];
    constexpr float floor = (MIN_AMPLITUDE * BLOCK / 2) * (MIN_AMPLITUDE * BLOCK / 2);
    if (low < floor || high < floor || low > high * MAX_TWIST || high > low * MAX_TWIST)
        return 0;
    if (!leads(power, 4, row) || !leads(power + 4, 4, column))
        return 0;
    if (2.0f * (low + high) < MIN_SHARE * BLOCK * energy)
        return 0;
    return KEYS[row][column];
}

void KeyTapCore::render(int16_t *to, size_t count) {
    std::memset(to, 0, count * sizeof(int16_t));
}

void KeyTapCore::consume(const int16_t *from, size_t count) {
    detector_.feed(from, count, [this](char digit, unsigned held_ms) {
        if (held_ms == 0)
            Hub::instance().post(EVENT_KEY_DOWN, token_, digit, KEY_FROM_AUDIO);
        else
            Hub::instance().post(EVENT_KEY_UP, token_, digit | KEY_FROM_AUDIO << 8, held_ms);
    });
}

} // namespace ringback
