// One WebRTC transport's media: from datagrams to 20 ms frames, and back. The rtc worker's own, but for `feed`.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include <netinet/in.h>
#include <pjmedia/jbuf.h>
#include <pjmedia/rtcp.h>
#include <pjmedia/rtp.h>

#include "queues.hpp"
#include "rtc_codec.hpp"
#include "rtc_keys.hpp"
#include "rtc_srtp.hpp"

namespace ringback {

constexpr size_t MAX_DATAGRAM = 1500;

// A packet on its way between native code and Python.
struct Datagram {
    enum Kind : uint8_t { RECEIVED = 0, TO_SEND = 1 }; // for Python to read (STUN, DTLS), or to send
    uint8_t kind = RECEIVED;
    uint16_t size = 0, port = 0;
    char ip[46] = ""; // whom it is from
    uint8_t bytes[MAX_DATAGRAM];
};

struct RtcSettings {
    uint64_t token = 0; // who is told of keys and datagrams
    int fd = -1;        // the socket; -1: Python carries every packet
    std::string ip;     // where to send
    unsigned port = 0;
    CodecSettings codec;
    int payload_type = 0;
    int key_type = -1; // payload type of telephone-event; -1: the far end has none
    unsigned key_clock = 8000;
    uint32_t ssrc = 0;
    std::string cname;
};

struct RtcFigures {
    uint64_t received = 0, lost = 0, sent = 0, concealed = 0, discarded = 0;
    uint64_t refused = 0; // not authentic, malformed, or of an unknown kind
    double jitter_ms = 0, round_trip_ms = -1, far_loss = 0;
    uint32_t heard_ms = 0; // when the last authentic packet came; wraps
};

uint32_t rtc_now_ms();

class RtcSession {
  public:
    RtcSession(RtcSettings settings, std::unique_ptr<SrtpPair> srtp);
    ~RtcSession();

    // Any thread: a packet that Python has received. False: the queue is full, or it is too long.
    bool feed(const uint8_t *bytes, size_t size);
    // Any thread: what is for Python.
    bool take(Datagram &datagram) {
        told_.store(false, std::memory_order_release);
        return outbox_.pop(datagram);
    }

    // ---- the worker
    bool start();
    void finish(); // gives back what is PJMEDIA's: only its own threads may, and Python may drop us last
    const RtcSettings &settings() const { return settings_; }
    void aim(int fd, const std::string &ip, unsigned port); // another pair was nominated
    void receive();
    // The next frame of the far end's audio, at the bridge's rate; returns samples.
    size_t pull(int16_t *to);
    void skip(); // the same, when nobody listens
    void push(const int16_t *frame, bool audible);
    void press(char digit, unsigned ms) { writer_.press(digit, ms); }
    void report(); // RTCP when it is time, and keys whose end was lost
    const RtcFigures &figures();

  private:
    void dispatch(uint8_t *bytes, int size, const sockaddr_storage &from);
    void on_rtp(uint8_t *bytes, int size);
    void on_rtcp(uint8_t *bytes, int size);
    void on_audio(const pjmedia_rtp_hdr *header, const uint8_t *payload, size_t size, bool &discarded);
    void restart_stream(uint32_t ssrc);
    void read_socket();
    void hand_over(uint8_t kind, const uint8_t *bytes, size_t size, const sockaddr_storage *from);
    void send_rtp(int type, bool marker, uint32_t timestamp, const uint8_t *payload, size_t size);
    void send_rtcp();
    void transmit(const uint8_t *bytes, size_t size);
    size_t conceal(int16_t *to);

    RtcSettings settings_;
    std::unique_ptr<SrtpPair> srtp_;
    sockaddr_storage remote_{};
    socklen_t remote_size_ = 0;
    BoundedQueue<Datagram> inbox_, outbox_;
    std::atomic<bool> told_{false};

    pj_pool_t *pool_ = nullptr;
    std::unique_ptr<Codec> codec_;
    pjmedia_jbuf *jitter_ = nullptr;
    pjmedia_rtcp_session rtcp_{};
    KeyReader reader_;
    KeyWriter writer_;
    RtcFigures figures_;
    struct {
        uint64_t rx_packets = 0, rx_lost = 0, tx_packets = 0;
    } counted_; // of `rtcp_`, in `figures_` already

    // receiving
    bool has_source_ = false, has_audio_ = false;
    uint32_t source_ = 0, last_timestamp_ = 0;
    int last_index_ = 0;
    int16_t spare_[MAX_FRAMES * FRAME_SAMPLES];
    size_t spare_at_ = 0, spare_end_ = 0; // frames of a longer packet that are still to be heard
    unsigned empty_ = 0;                  // frames in a row that weren't there
    // sending
    uint16_t sequence_;
    uint32_t timestamp_;
    bool silent_ = true;
    uint32_t report_at_ms_ = 0;
};

} // namespace ringback
