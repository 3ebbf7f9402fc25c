// What Ringback adds to, and takes from, a running pjsua endpoint. All on the owner thread unless said.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ringback {

// The limits this module was built with (config_site.h), by name. Any thread.
std::map<std::string, int> build_limits();

// Before libCreate: PJSIP's log goes to the hub and not to standard output.
void redirect_log(int level);
// After libInit: PJSIP's log goes to the hub; keys come natively; pjmedia's own thread is stopped, because the
// clock receives RTP; INFO is read tolerantly; what isn't SIP is counted; the owner thread can be woken.
void install(int log_level);
// Before libDestroy.
void uninstall();

// Any thread: makes the owner thread's libHandleEvents return at once.
void wake();

// ---- calls, by pjsua's index

// From now on, keys of this call carry `token`; 0 ends it.
void track_call(int call, uint64_t token);

struct StreamQuality {
    bool valid = false;
    std::string codec;
    uint64_t received = 0, lost = 0, sent = 0;
    double jitter_ms = 0;
    double round_trip_ms = -1; // -1: RTCP never told
};
// Of the running stream, or of the last one if it is gone already.
StreamQuality call_quality(int call);

// Whether the far end agreed to send keys as RTP events (RFC 4733), and whether we may send them so.
bool receives_rtp_keys(int call);
bool sends_rtp_keys(int call);

// Responses sent and received since the start, by method and status.
struct ResponseCount {
    const char *method;
    int status;
    uint64_t count;
};
std::vector<ResponseCount> response_counts();

// ---- RTP ports

// A closed call's port rests for `rest_s`, so that its late packets can't be heard in a new call. Ports
// are taken from [first, last], in pairs, for calls of account `account`.
void configure_ports(int account, unsigned first, unsigned last, double rest_s);
// Before a call is made: points pjsua at a rested port. False: none is free.
bool choose_port();

// ---- the conference bridge

void conf_connect(int source, int sink, float level);
void conf_disconnect(int source, int sink);
// Levels from 0 to 255: {into the port, out of the port}.
std::vector<unsigned> conf_levels(int slot);

// ---- for the media clock

void receive_media();
void release_stale_keys();

} // namespace ringback
