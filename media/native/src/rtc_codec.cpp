#include "rtc_codec.hpp"

#include <algorithm>
#include <cstring>

#include <opus/opus.h>
#include <pjmedia/alaw_ulaw.h>
#include <pjmedia/plc.h>
#include <pjmedia/resample.h>

namespace ringback {

namespace {

class OpusCodec : public Codec {
  public:
    OpusCodec(OpusEncoder *encoder, OpusDecoder *decoder, unsigned rate)
        : encoder_(encoder), decoder_(decoder), samples_(rate / 1000 * FRAME_MS) {}
    ~OpusCodec() override {
        opus_encoder_destroy(encoder_);
        opus_decoder_destroy(decoder_);
    }

    const char *name() const override { return "opus"; }
    unsigned clock_rate() const override { return 48000; } // RFC 7587 §4.1, whatever the audio's bandwidth

    unsigned frames_in(const uint8_t *payload, size_t size) const override {
        int samples = opus_packet_get_nb_samples(payload, opus_int32(size), 48000);
        constexpr int frame = 48 * FRAME_MS;
        bool whole = samples > 0 && samples % frame == 0 && samples / frame <= int(MAX_FRAMES);
        return whole ? unsigned(samples / frame) : 0;
    }

    size_t decode(const uint8_t *payload, size_t size, int16_t *to) override {
        int n = opus_decode(decoder_, payload, opus_int32(size), to, int(MAX_FRAMES * samples_), 0);
        return n > 0 ? size_t(n) : 0;
    }

    size_t conceal(const uint8_t *next, size_t next_size, int16_t *to) override {
        int n = next ? opus_decode(decoder_, next, opus_int32(next_size), to, int(samples_), 1) : -1;
        if (n < 0)
            n = opus_decode(decoder_, nullptr, 0, to, int(samples_), 0);
        return n > 0 ? size_t(n) : 0;
    }

    size_t encode(const int16_t *from, uint8_t *to, size_t room) override {
        opus_int32 n = opus_encode(encoder_, from, int(samples_), to, opus_int32(room));
        return n > 0 ? size_t(n) : 0;
    }

    void expect_loss(int percent) override {
        // Never 0: the first loss should find FEC there. Above 20 % the speech itself would get too few bits.
        opus_encoder_ctl(encoder_, OPUS_SET_PACKET_LOSS_PERC(std::clamp(percent, 3, 20)));
    }

  private:
    OpusEncoder *encoder_;
    OpusDecoder *decoder_;
    const unsigned samples_;
};

class G711Codec : public Codec {
  public:
    G711Codec(bool alaw, unsigned rate, pj_pool_t *pool) : alaw_(alaw) {
        pjmedia_plc_create(pool, 8000, SAMPLES, 0, &plc_);
        if (rate == 8000)
            return;
        pjmedia_resample_create(pool, PJ_FALSE, PJ_FALSE, 1, 8000, rate, SAMPLES, &up_);
        pjmedia_resample_create(pool, PJ_FALSE, PJ_FALSE, 1, rate, 8000, FRAME_SAMPLES, &down_);
    }
    ~G711Codec() override {
        for (pjmedia_resample *resampler : {up_, down_})
            if (resampler)
                pjmedia_resample_destroy(resampler);
    }

    const char *name() const override { return alaw_ ? "PCMA" : "PCMU"; }
    unsigned clock_rate() const override { return 8000; }

    unsigned frames_in(const uint8_t *, size_t size) const override {
        bool whole = size > 0 && size % SAMPLES == 0 && size / SAMPLES <= MAX_FRAMES;
        return whole ? unsigned(size / SAMPLES) : 0;
    }

    size_t decode(const uint8_t *payload, size_t size, int16_t *to) override {
        size_t done = 0;
        for (size_t at = 0; at + SAMPLES <= size; at += SAMPLES) {
            int16_t frame[SAMPLES];
            for (size_t i = 0; i < SAMPLES; ++i)
                frame[i] = int16_t(alaw_ ? pjmedia_alaw2linear(payload[at + i]) : pjmedia_ulaw2linear(payload[at + i]));
            if (plc_)
                pjmedia_plc_save(plc_, frame);
            done += put(frame, to + done);
        }
        return done;
    }

    size_t conceal(const uint8_t *, size_t, int16_t *to) override {
        int16_t frame[SAMPLES] = {};
        if (plc_)
            pjmedia_plc_generate(plc_, frame);
        return put(frame, to);
    }

    size_t encode(const int16_t *from, uint8_t *to, size_t room) override {
        int16_t narrow[SAMPLES];
        if (down_) {
            pjmedia_resample_run(down_, from, narrow);
            from = narrow;
        }
        if (room < SAMPLES)
            return 0;
        for (size_t i = 0; i < SAMPLES; ++i)
            to[i] = alaw_ ? pjmedia_linear2alaw(from[i]) : pjmedia_linear2ulaw(from[i]);
        return SAMPLES;
    }

  private:
    static constexpr size_t SAMPLES = 8 * FRAME_MS;

    size_t put(const int16_t *frame, int16_t *to) {
        if (up_) {
            pjmedia_resample_run(up_, frame, to);
            return FRAME_SAMPLES;
        }
        std::memcpy(to, frame, SAMPLES * sizeof(int16_t));
        return SAMPLES;
    }

    const bool alaw_;
    pjmedia_plc *plc_ = nullptr;
    pjmedia_resample *up_ = nullptr, *down_ = nullptr;
};

std::unique_ptr<Codec> make_opus(const CodecSettings &settings) {
    int error = 0;
    OpusEncoder *encoder = opus_encoder_create(opus_int32(settings.rate), 1, OPUS_APPLICATION_VOIP, &error);
    if (error != OPUS_OK)
        return nullptr;
    OpusDecoder *decoder = opus_decoder_create(opus_int32(settings.rate), 1, &error);
    if (error != OPUS_OK) {
        opus_encoder_destroy(encoder);
        return nullptr;
    }
    opus_encoder_ctl(encoder, OPUS_SET_BITRATE(settings.bitrate));
    opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(settings.complexity));
    opus_encoder_ctl(encoder, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
    opus_encoder_ctl(encoder, OPUS_SET_INBAND_FEC(1));
    auto codec = std::make_unique<OpusCodec>(encoder, decoder, settings.rate);
    codec->expect_loss(0);
    return codec;
}

} // namespace

std::unique_ptr<Codec> Codec::make(const CodecSettings &settings, pj_pool_t *pool) {
    if (settings.rate != 8000 && settings.rate != 16000)
        return nullptr;
    if (settings.name == "opus")
        return make_opus(settings);
    if (settings.name == "PCMU" || settings.name == "PCMA")
        return std::make_unique<G711Codec>(settings.name == "PCMA", settings.rate, pool);
    return nullptr;
}

} // namespace ringback
