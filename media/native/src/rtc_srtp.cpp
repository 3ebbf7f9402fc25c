#include "rtc_srtp.hpp"

#include <algorithm>
#include <cstring>

#include <pj/errno.h>
#include <pjsua2/types.hpp>

namespace ringback {

namespace {

struct Profile {
    const char *name;
    size_t key_size; // master key and salt
    void (*rtp)(srtp_crypto_policy_t *);
    void (*rtcp)(srtp_crypto_policy_t *);
};

const Profile PROFILES[] = {
    // RFC 7714 §14.2; cheaper than AES-CM with HMAC where the processor has AES.
    {"SRTP_AEAD_AES_128_GCM", 28, &srtp_crypto_policy_set_aes_gcm_128_16_auth,
     &srtp_crypto_policy_set_aes_gcm_128_16_auth},
    {"SRTP_AEAD_AES_256_GCM", 44, &srtp_crypto_policy_set_aes_gcm_256_16_auth,
     &srtp_crypto_policy_set_aes_gcm_256_16_auth},
    {"SRTP_AES128_CM_SHA1_80", 30, &srtp_crypto_policy_set_rtp_default, &srtp_crypto_policy_set_rtcp_default},
};

const Profile *find(const std::string &name) {
    for (const Profile &profile : PROFILES)
        if (name == profile.name)
            return &profile;
    return nullptr;
}

srtp_err_status_t make(const Profile &profile, const std::string &key, srtp_ssrc_type_t sources, srtp_t *session) {
    srtp_policy_t policy;
    std::memset(&policy, 0, sizeof policy);
    profile.rtp(&policy.rtp);
    profile.rtcp(&policy.rtcp);
    policy.ssrc.type = sources;
    policy.key = reinterpret_cast<unsigned char *>(const_cast<char *>(key.data()));
    policy.window_size = 1024;
    policy.allow_repeat_tx = 1;
    return srtp_create(session, &policy);
}

uint32_t ssrc_at(const uint8_t *at) {
    return uint32_t(at[0]) << 24 | uint32_t(at[1]) << 16 | uint32_t(at[2]) << 8 | at[3];
}

} // namespace

std::vector<std::string> srtp_profiles() {
    // Fails when PJMEDIA has done it already. When it hasn't, we leave things as they were, or else its own call
    // would fail, and with it the start of the engine.
    bool ours = srtp_init() == srtp_err_status_ok;
    std::vector<std::string> names;
    for (const Profile &profile : PROFILES) {
        srtp_t session = nullptr;
        std::string key(profile.key_size, 'k');
        if (make(profile, key, ssrc_any_outbound, &session) == srtp_err_status_ok) {
            names.emplace_back(profile.name);
            srtp_dealloc(session);
        }
    }
    if (ours)
        srtp_shutdown();
    return names;
}

SrtpPair::SrtpPair(const std::string &name, const std::string &send_key, const std::string &receive_key) {
    const Profile *profile = find(name);
    if (!profile || send_key.size() != profile->key_size || receive_key.size() != profile->key_size)
        throw pj::Error(PJ_EINVAL, "attach", "not an SRTP profile with its keys: " + name, __FILE__, __LINE__);
    if (make(*profile, send_key, ssrc_any_outbound, &send_) != srtp_err_status_ok ||
        make(*profile, receive_key, ssrc_any_inbound, &receive_) != srtp_err_status_ok) {
        if (send_)
            srtp_dealloc(send_);
        throw pj::Error(PJ_EINVAL, "attach", "libsrtp refuses the keys of " + name, __FILE__, __LINE__);
    }
}

SrtpPair::~SrtpPair() {
    srtp_dealloc(send_);
    srtp_dealloc(receive_);
}

// libsrtp keeps a context for each source that has sent an authentic packet; a hostile far end could make as many
// as there are numbers.
bool SrtpPair::admit(uint32_t ssrc) const {
    return source_count_ < MAX_SOURCES || std::find(sources_, sources_ + source_count_, ssrc) != sources_ + source_count_;
}

void SrtpPair::remember(uint32_t ssrc) {
    if (source_count_ < MAX_SOURCES && std::find(sources_, sources_ + source_count_, ssrc) == sources_ + source_count_)
        sources_[source_count_++] = ssrc;
}

bool SrtpPair::unprotect(uint8_t *packet, int &size) {
    uint32_t ssrc = size >= 12 ? ssrc_at(packet + 8) : 0;
    if (size < 12 || !admit(ssrc) || srtp_unprotect(receive_, packet, &size) != srtp_err_status_ok)
        return false;
    remember(ssrc);
    return true;
}

bool SrtpPair::unprotect_rtcp(uint8_t *packet, int &size) {
    uint32_t ssrc = size >= 8 ? ssrc_at(packet + 4) : 0;
    if (size < 8 || !admit(ssrc) || srtp_unprotect_rtcp(receive_, packet, &size) != srtp_err_status_ok)
        return false;
    remember(ssrc);
    return true;
}

} // namespace ringback
