// Keypad keys as RTP events (RFC 4733), both ways.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

namespace ringback {

struct KeyPacket {
    uint32_t timestamp; // of the press: the same in all packets of it
    bool first;
    uint8_t payload[4];
};

// Reads the events of a far end. The rtc worker's.
class KeyReader {
  public:
    explicit KeyReader(unsigned clock_rate) : clock_rate_(clock_rate) {}

    // Calls `down(digit)` for the first packet of a press and `up(digit, ms)` once for its end, whatever is
    // repeated, lost or late: a press is known by its timestamp (RFC 4733 §2.2.2).
    template <typename Down, typename Up>
    void read(const uint8_t *payload, size_t size, uint32_t timestamp, uint32_t now_ms, Down down, Up up) {
        if (size < 4 || payload[0] > 15)
            return;
        bool known = seen_ && int32_t(timestamp - timestamp_) <= 0;
        if (known && timestamp != timestamp_)
            return; // late packets of an earlier press
        uint32_t duration = uint32_t(payload[2]) << 8 | payload[3];
        if (!known) {
            if (digit_)
                up(digit_, now_ms - began_ms_);
            seen_ = true;
            timestamp_ = timestamp;
            digit_ = DIGITS[payload[0]];
            began_ms_ = now_ms;
            down(digit_);
        }
        heard_ms_ = now_ms;
        if ((payload[1] & 0x80) && digit_) {
            up(digit_, duration * 1000 / clock_rate_);
            digit_ = 0;
        }
    }

    // The end packets of a press may all be lost.
    template <typename Up> void expire(uint32_t now_ms, Up up) {
        if (!digit_ || now_ms - heard_ms_ < LOST_AFTER_MS)
            return;
        up(digit_, heard_ms_ - began_ms_);
        digit_ = 0;
    }

  private:
    static constexpr uint32_t LOST_AFTER_MS = 200;
    static constexpr const char *DIGITS = "0123456789*#ABCD";
    const unsigned clock_rate_;
    bool seen_ = false;
    uint32_t timestamp_ = 0, began_ms_ = 0, heard_ms_ = 0;
    char digit_ = 0;
};

// Makes the packets of keys that we press: one a frame, the last one three times (RFC 4733 §2.5.1.4).
class KeyWriter {
  public:
    explicit KeyWriter(unsigned clock_rate) : clock_rate_(clock_rate) {}

    void press(char digit, unsigned ms) { waiting_.push_back({digit, ms}); }
    bool busy() const { return !waiting_.empty() || resting_ms_ > 0; }
    bool sounding() const { return digit_ >= 0; }

    // A frame of `frame_ms` has passed, whose timestamp is `timestamp`. Calls `send(KeyPacket)`.
    template <typename Send> void advance(uint32_t timestamp, unsigned frame_ms, Send send) {
        if (resting_ms_ > 0) {
            resting_ms_ -= int(frame_ms);
            return;
        }
        if (digit_ < 0) {
            if (waiting_.empty())
                return;
            begin(waiting_.front(), timestamp);
        }
        held_ms_ += frame_ms;
        bool last = held_ms_ >= length_ms_;
        for (int copy = 0; copy < (last ? 3 : 1); ++copy)
            send(packet(last, copy == 0 && held_ms_ == frame_ms));
        if (last) {
            digit_ = -1;
            resting_ms_ = GAP_MS;
            waiting_.pop_front();
        }
    }

  private:
    static constexpr int GAP_MS = 60; // Q.24: at least 40 ms between keys
    struct Press {
        char digit;
        unsigned ms;
    };

    void begin(const Press &press, uint32_t timestamp) {
        digit_ = int(std::string("0123456789*#ABCD").find(press.digit));
        timestamp_ = timestamp;
        length_ms_ = press.ms;
        held_ms_ = 0;
    }

    KeyPacket packet(bool last, bool first) const {
        uint32_t duration = held_ms_ * (clock_rate_ / 1000);
        if (duration > 0xffff)
            duration = 0xffff;
        return {timestamp_, first,
                {uint8_t(digit_), uint8_t((last ? 0x80 : 0) | 10), uint8_t(duration >> 8), uint8_t(duration)}};
    }

    const unsigned clock_rate_;
    std::deque<Press> waiting_;
    int digit_ = -1, resting_ms_ = 0;
    uint32_t timestamp_ = 0;
    unsigned length_ms_ = 0, held_ms_ = 0;
};

} // namespace ringback
