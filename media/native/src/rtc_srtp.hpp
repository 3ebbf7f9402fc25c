// SRTP and SRTCP of one WebRTC transport (RFC 3711, RFC 7714), keyed by DTLS (RFC 5764).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <srtp2/srtp.h>

namespace ringback {

// The DTLS-SRTP protection profiles that this build can do, by their OpenSSL names. Any thread.
std::vector<std::string> srtp_profiles();

// Any one thread after the other.
class SrtpPair {
  public:
    // Keys are master key and salt, as DTLS exported them. Throws pj::Error for an unknown profile or keys of the
    // wrong length.
    SrtpPair(const std::string &profile, const std::string &send_key, const std::string &receive_key);
    ~SrtpPair();
    SrtpPair(const SrtpPair &) = delete;
    SrtpPair &operator=(const SrtpPair &) = delete;

    // In place. `packet` has SRTP_MAX_TRAILER_LEN bytes of room behind it when protecting. False: not authentic,
    // a replay, or more sources than anybody needs.
    bool protect(uint8_t *packet, int &size) { return srtp_protect(send_, packet, &size) == srtp_err_status_ok; }
    bool protect_rtcp(uint8_t *packet, int &size) {
        return srtp_protect_rtcp(send_, packet, &size) == srtp_err_status_ok;
    }
    bool unprotect(uint8_t *packet, int &size);
    bool unprotect_rtcp(uint8_t *packet, int &size);

  private:
    static constexpr size_t MAX_SOURCES = 8;
    bool admit(uint32_t ssrc) const;
    void remember(uint32_t ssrc);

    srtp_t send_ = nullptr, receive_ = nullptr;
    uint32_t sources_[MAX_SOURCES] = {};
    size_t source_count_ = 0;
};

} // namespace ringback
