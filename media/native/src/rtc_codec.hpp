// The codecs of a WebRTC leg (RFC 7874): Opus, and G.711 for who has nothing better.
//
// A frame is 20 ms. Everything here belongs to the rtc worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <pj/types.h>

namespace ringback {

constexpr unsigned FRAME_MS = 20;
constexpr size_t MAX_PAYLOAD = 640;            // of one packet: 256 kbit/s, above what we ask for
constexpr size_t MAX_FRAMES = 6;               // of 20 ms in one packet: Opus allows 120 ms (RFC 6716 §2.1.4)
constexpr size_t FRAME_SAMPLES = 16000 / 1000 * FRAME_MS; // of the fastest bridge

struct CodecSettings {
    std::string name;    // "opus", "PCMU", "PCMA"
    unsigned rate = 0;   // of the bridge: 8000 or 16000
    int bitrate = 24000; // Opus only
    int complexity = 1;
};

class Codec {
  public:
    // Null for a codec that isn't known or can't be made.
    static std::unique_ptr<Codec> make(const CodecSettings &settings, pj_pool_t *pool);
    virtual ~Codec() = default;

    virtual const char *name() const = 0;
    virtual unsigned clock_rate() const = 0; // of its RTP timestamps
    unsigned ticks_per_frame() const { return clock_rate() / 1000 * FRAME_MS; }

    // Frames of 20 ms in a payload; 0 for one that isn't this codec's or doesn't fit our frames.
    virtual unsigned frames_in(const uint8_t *payload, size_t size) const = 0;
    // All frames of a payload, at the bridge's rate; `to` holds MAX_FRAMES * FRAME_SAMPLES. Returns samples.
    virtual size_t decode(const uint8_t *payload, size_t size, int16_t *to) = 0;
    // One frame in place of a lost one. `next`: the packet after it, when it is here already, or null: Opus
    // may carry a copy of the lost frame in it (in-band FEC, RFC 6716 §2.1.7).
    virtual size_t conceal(const uint8_t *next, size_t next_size, int16_t *to) = 0;
    // One frame of the bridge's audio; returns the payload's size, 0 for nothing to send.
    virtual size_t encode(const int16_t *from, uint8_t *to, size_t room) = 0;
    // What the far end says it loses, in percent: how much to spend on FEC.
    virtual void expect_loss(int) {}
};

} // namespace ringback
