// Ringback's pjsua2 module: upstream's whole API, and our own classes in the same binary.
//
// Handlers of these virtual methods would be looked up in Python for each call of them, some on PJMEDIA's
// threads. We don't override them, so their directors are left out.
%module(directors="1") pjsua2

%feature("nodirector") pj::Call::onCallTsxState;
%feature("nodirector") pj::Call::onCallSdpCreated;
%feature("nodirector") pj::Call::onStreamPreCreate;
%feature("nodirector") pj::Call::onStreamCreated;
%feature("nodirector") pj::Call::onStreamDestroyed;
%feature("nodirector") pj::Call::onDtmfDigit;
%feature("nodirector") pj::Call::onDtmfEvent;
%feature("nodirector") pj::Call::onCallRxText;
%feature("nodirector") pj::Call::onCallTransferStatus;
%feature("nodirector") pj::Call::onCallReplaced;
%feature("nodirector") pj::Call::onCallTxOffer;
%feature("nodirector") pj::Call::onInstantMessage;
%feature("nodirector") pj::Call::onInstantMessageStatus;
%feature("nodirector") pj::Call::onTypingIndication;
%feature("nodirector") pj::Call::onCallRedirected;
%feature("nodirector") pj::Call::onCallMediaTransportState;
%feature("nodirector") pj::Call::onCallMediaEvent;
%feature("nodirector") pj::Call::onCreateMediaTransport;
%feature("nodirector") pj::Call::onCreateMediaTransportSrtp;
%feature("nodirector") pj::Call::onCallRxOffer;
%feature("nodirector") pj::Call::onCallRxReinvite;
%feature("nodirector") pj::Account::onRegStarted;
%feature("nodirector") pj::Account::onIncomingSubscribe;
%feature("nodirector") pj::Account::onInstantMessage;
%feature("nodirector") pj::Account::onInstantMessageStatus;
%feature("nodirector") pj::Account::onSendRequest;
%feature("nodirector") pj::Account::onTypingIndication;
%feature("nodirector") pj::Account::onMwiInfo;
%feature("nodirector") pj::Account::onAuthChallenge;

%include "pjsua2.i"

%{
#include "clip_port.hpp"
#include "clock.hpp"
#include "endpoint.hpp"
#include "hub.hpp"
#include "key_detector.hpp"
#include "pcm_port.hpp"
#include "rtc_port.hpp"

#include <pjsua-lib/pjsua.h>

using namespace ringback;

namespace {
// A Python buffer for as long as a call lasts.
struct Buffer {
    Py_buffer view{};
    bool held;
    Buffer(PyObject *object, int flags) : held(PyObject_GetBuffer(object, &view, flags) == 0) {}
    ~Buffer() {
        if (held)
            PyBuffer_Release(&view);
    }
    int16_t *samples() const { return static_cast<int16_t *>(view.buf); }
    size_t count() const { return size_t(view.len) / sizeof(int16_t); }
};
} // namespace
%}

// Errors of PJSIP become Python's RuntimeError with PJSIP's own text.
%define RAISES(method)
%exception method {
    try {
        $action
    } catch (pj::Error &error) {
        SWIG_PYTHON_THREAD_BEGIN_BLOCK;
        PyErr_SetString(PyExc_RuntimeError, error.info().c_str());
        SWIG_PYTHON_THREAD_END_BLOCK;
        SWIG_fail;
    }
}
%enddef

RAISES(ClipPort::open)
RAISES(PcmPort::open)
RAISES(KeyTap::open)
RAISES(RtcPort::open)
RAISES(RtcPort::attach)
RAISES(MediaClock::start)
RAISES(ringback_install)
RAISES(ringback_connect)
RAISES(ringback_disconnect)
RAISES(ringback_levels)

// These never wait and take no lock of PJSIP: dropping Python's lock for them would only cost.
%nothread ringback_collect;
%nothread ringback_limits;
%nothread ringback_wake;
%nothread ringback_fd;
%nothread ringback_counters;
%nothread ringback_quality;
%nothread ringback_responses;
%nothread ClipBuffer;
%nothread ClipPort::play;
%nothread ClipPort::stop;
%nothread ClipPort::pause;
%nothread ClipPort::position;
%nothread ClipPort::ClipPort;
%nothread ClipPort::slot;
%nothread PcmPort::read;
%nothread PcmPort::write;
%nothread PcmPort::mark;
%nothread PcmPort::flush;
%nothread PcmPort::end;
%nothread PcmPort::readable;
%nothread PcmPort::queued;
%nothread PcmPort::room;
%nothread PcmPort::counters;
%nothread PcmPort::PcmPort;
%nothread PcmPort::slot;
%nothread KeyTap::KeyTap;
%nothread KeyTap::slot;
%nothread KeyDetector::feed;
%nothread MediaClock::stats;
%nothread RtcPort::RtcPort;
%nothread RtcPort::slot;
%nothread RtcPort::aim;
%nothread RtcPort::detach;
%nothread RtcPort::allow;
%nothread RtcPort::press;
%nothread RtcPort::feed;
%nothread RtcPort::take;
%nothread RtcPort::figures;
%nothread RtcPort::attach;
%nothread ringback_srtp_profiles;
%nothread ringback_rtc_figures;

%template(ClipBufferVector) std::vector<ClipBuffer *>;

class ClipBuffer {
  public:
    %extend {
        ClipBuffer(PyObject *samples) {
            Buffer buffer(samples, PyBUF_SIMPLE);
            if (!buffer.held)
                return nullptr;
            return new ringback::ClipBuffer(buffer.samples(), buffer.count());
        }
    }
    size_t size() const;
};

class ClipPort {
  public:
    explicit ClipPort(unsigned long long token);
    void open(const char *name, unsigned rate, unsigned samples_per_tick);
    void close();
    int slot() const;
    void play(unsigned long long id, const std::vector<ClipBuffer *> &clips, bool loop, unsigned long long start);
    void stop(unsigned long long id);
    void pause(bool paused);
    unsigned long long position() const;
};

class PcmPort {
  public:
    void open(const char *name, unsigned rate, unsigned samples_per_tick);
    void close();
    int slot() const;
    %extend {
        PcmPort(unsigned long long token, unsigned receive_capacity, unsigned send_capacity, unsigned notify_at,
                unsigned max_latency, unsigned prebuffer, unsigned low_water) {
            ringback::PcmSettings settings{receive_capacity, send_capacity, notify_at,
                                           max_latency,      prebuffer,     low_water};
            return new ringback::PcmPort(token, settings);
        }
        // Fills a writable buffer of int16; returns the number of samples.
        PyObject *read(PyObject *into) {
            Buffer buffer(into, PyBUF_WRITABLE);
            if (!buffer.held)
                return nullptr;
            return PyLong_FromSize_t($self->core().read(buffer.samples(), buffer.count()));
        }
        // Queues int16 samples; returns how many fitted.
        PyObject *write(PyObject *from) {
            Buffer buffer(from, PyBUF_SIMPLE);
            if (!buffer.held)
                return nullptr;
            return PyLong_FromSize_t($self->core().write(buffer.samples(), buffer.count()));
        }
        bool mark(unsigned long long id) { return $self->core().mark(id); }
        void flush() { $self->core().flush(); }
        void end() { $self->core().end(); }
        unsigned long long readable() { return $self->core().readable(); }
        unsigned long long queued() { return $self->core().queued(); }
        unsigned long long room() { return $self->core().room(); }
        PyObject *counters() {
            ringback::PcmCounters c = $self->core().counters();
            return Py_BuildValue("(KKKKKKK)", (unsigned long long)c.received, (unsigned long long)c.overrun,
                                 (unsigned long long)c.skipped, (unsigned long long)c.written,
                                 (unsigned long long)c.played, (unsigned long long)c.flushed,
                                 (unsigned long long)c.underrun);
        }
    }
};

class KeyTap {
  public:
    KeyTap(unsigned long long token, unsigned rate);
    void open(const char *name, unsigned rate, unsigned samples_per_tick);
    void close();
    int slot() const;
};

class RtcPort {
  public:
    RtcPort(unsigned long long token, unsigned rate);
    void open(const char *name, unsigned rate, unsigned samples_per_tick);
    void close();
    int slot() const;
    void aim(int fd, const std::string &ip, unsigned port);
    void detach();
    void allow(bool sends, bool hears);
    %extend {
        // Keys are bytes: std::string would take text. Raises RuntimeError for keys or a codec that can't be.
        void attach(int fd, const std::string &ip, unsigned port, const std::string &profile, PyObject *send_key,
                    PyObject *receive_key, const std::string &codec, int bitrate, int complexity, int payload_type,
                    int key_type, unsigned key_clock, unsigned ssrc, const std::string &cname) {
            Buffer sending(send_key, PyBUF_SIMPLE), receiving(receive_key, PyBUF_SIMPLE);
            if (!sending.held || !receiving.held)
                throw pj::Error(PJ_EINVAL, "attach", "keys are bytes", __FILE__, __LINE__);
            $self->attach(fd, ip, port, profile,
                          std::string(static_cast<char *>(sending.view.buf), size_t(sending.view.len)),
                          std::string(static_cast<char *>(receiving.view.buf), size_t(receiving.view.len)), codec,
                          bitrate, complexity, payload_type, key_type, key_clock, ssrc, cname);
        }
        void press(char digit, unsigned milliseconds) { $self->press(digit, milliseconds); }
        // A packet that Python received. False: not taken.
        bool feed(PyObject *packet) {
            Buffer buffer(packet, PyBUF_SIMPLE);
            auto session = $self->core().session();
            return buffer.held && session &&
                   session->feed(static_cast<const uint8_t *>(buffer.view.buf), size_t(buffer.view.len));
        }
        // [(kind, packet, ip, port)]: 0 is for Python to read, 1 to send.
        PyObject *take() {
            PyObject *list = PyList_New(0);
            auto session = $self->core().session();
            ringback::Datagram datagram;
            while (session && session->take(datagram)) {
                PyObject *item = Py_BuildValue("(iy#si)", int(datagram.kind), reinterpret_cast<char *>(datagram.bytes),
                                               Py_ssize_t(datagram.size), datagram.ip, int(datagram.port));
                PyList_Append(list, item);
                Py_DECREF(item);
            }
            return list;
        }
        // (received, lost, sent, concealed, discarded, refused, jitter ms, round trip ms or -1, share lost of what
        // we send, ms since the last authentic packet)
        PyObject *figures() {
            ringback::RtcFigures f = $self->core().figures();
            return Py_BuildValue("(KKKKKKdddI)", (unsigned long long)f.received, (unsigned long long)f.lost,
                                 (unsigned long long)f.sent, (unsigned long long)f.concealed,
                                 (unsigned long long)f.discarded, (unsigned long long)f.refused, f.jitter_ms,
                                 f.round_trip_ms, f.far_loss, ringback::rtc_now_ms() - f.heard_ms);
        }
    }
};

class KeyDetector {
  public:
    explicit KeyDetector(unsigned rate);
    %extend {
        // Feeds int16 samples; returns [(digit, 0 when it goes down, or the milliseconds it was held)].
        PyObject *feed(PyObject *samples) {
            Buffer buffer(samples, PyBUF_SIMPLE);
            if (!buffer.held)
                return nullptr;
            PyObject *list = PyList_New(0);
            $self->feed(buffer.samples(), buffer.count(), [list](char digit, unsigned held_ms) {
                PyObject *item = Py_BuildValue("(CI)", int(digit), held_ms);
                PyList_Append(list, item);
                Py_DECREF(item);
            });
            return list;
        }
    }
};

class MediaClock {
  public:
    MediaClock();
    void start(bool realtime);
    void stop();
    %extend {
        // (ticks, late, skipped, worst_us, busy_us, scheduling)
        PyObject *stats() {
            ringback::ClockStats s = $self->stats();
            return Py_BuildValue("(KKKKKs)", (unsigned long long)s.ticks, (unsigned long long)s.late,
                                 (unsigned long long)s.skipped, (unsigned long long)s.worst_us,
                                 (unsigned long long)s.busy_us, s.scheduling.c_str());
        }
    }
};

%pythoncode %{
def ringback_delete_endpoint(endpoint):
    """Destroys the C++ object now; what still refers to the Python one must not use it."""
    endpoint.this.disown()
    Endpoint.__swig_destroy__(endpoint)
%}

%inline %{
PyObject *ringback_limits() {
    PyObject *dict = PyDict_New();
    for (const auto &limit : ringback::build_limits()) {
        PyObject *value = PyLong_FromLong(limit.second);
        PyDict_SetItemString(dict, limit.first.c_str(), value);
        Py_DECREF(value);
    }
    return dict;
}

// The DTLS-SRTP protection profiles that native code can do.
PyObject *ringback_srtp_profiles() {
    PyObject *list = PyList_New(0);
    for (const std::string &name : ringback::srtp_profiles()) {
        PyObject *item = PyUnicode_FromString(name.c_str());
        PyList_Append(list, item);
        Py_DECREF(item);
    }
    return list;
}

// (WebRTC sessions, microseconds that their worker has worked)
PyObject *ringback_rtc_figures() {
    ringback::RtcWorker &worker = ringback::RtcWorker::instance();
    return Py_BuildValue("(IK)", worker.sessions(), (unsigned long long)worker.busy_us());
}

int ringback_fd() { return ringback::Hub::instance().fd(); }

// Everything that native code had to say since the last call:
// ([(kind, token, a, b)], [(log level, text)]).
PyObject *ringback_collect() {
    ringback::Hub &hub = ringback::Hub::instance();
    hub.acknowledge();
    PyObject *events = PyList_New(0), *lines = PyList_New(0);
    ringback::Event event;
    while (hub.next(event)) {
        PyObject *item = Py_BuildValue("(IKLL)", event.kind, (unsigned long long)event.token, (long long)event.a,
                                       (long long)event.b);
        PyList_Append(events, item);
        Py_DECREF(item);
    }
    ringback::LogLine line;
    while (hub.next(line)) {
        PyObject *text = PyUnicode_DecodeUTF8(line.text, Py_ssize_t(strlen(line.text)), "replace");
        PyObject *item = Py_BuildValue("(iN)", line.level, text);
        PyList_Append(lines, item);
        Py_DECREF(item);
    }
    return Py_BuildValue("(NN)", events, lines);
}

// (events lost, messages that weren't SIP, calls refused for want of an RTP port)
PyObject *ringback_counters() {
    ringback::Hub &hub = ringback::Hub::instance();
    return Py_BuildValue("(KKK)", (unsigned long long)hub.lost.load(), (unsigned long long)hub.malformed.load(),
                         (unsigned long long)hub.portless.load());
}

// (codec, received, lost, sent, jitter in ms, round trip in ms or -1), or None. Owner thread.
PyObject *ringback_quality(int call) {
    ringback::StreamQuality q = ringback::call_quality(call);
    if (!q.valid)
        Py_RETURN_NONE;
    return Py_BuildValue("(sKKKdd)", q.codec.c_str(), (unsigned long long)q.received, (unsigned long long)q.lost,
                         (unsigned long long)q.sent, q.jitter_ms, q.round_trip_ms);
}

// [(method, status, how many were sent and received)]
PyObject *ringback_responses() {
    PyObject *list = PyList_New(0);
    for (const auto &entry : ringback::response_counts()) {
        PyObject *item = Py_BuildValue("(siK)", entry.method, entry.status, (unsigned long long)entry.count);
        PyList_Append(list, item);
        Py_DECREF(item);
    }
    return list;
}

bool ringback_receives_rtp_keys(int call) { return ringback::receives_rtp_keys(call); }
bool ringback_sends_rtp_keys(int call) { return ringback::sends_rtp_keys(call); }
void ringback_redirect_log(int level) { ringback::redirect_log(level); }
void ringback_install(int log_level) { ringback::install(log_level); }
void ringback_uninstall() { ringback::uninstall(); }
void ringback_wake() { ringback::wake(); }
void ringback_track_call(int call, unsigned long long token) { ringback::track_call(call, token); }
void ringback_configure_ports(int account, unsigned first, unsigned last, double rest_s) {
    ringback::configure_ports(account, first, last, rest_s);
}
bool ringback_choose_port() { return ringback::choose_port(); }
void ringback_connect(int source, int sink, float level) { ringback::conf_connect(source, sink, level); }
void ringback_disconnect(int source, int sink) { ringback::conf_disconnect(source, sink); }
std::vector<int> ringback_levels(int slot) {
    auto levels = ringback::conf_levels(slot);
    return std::vector<int>(levels.begin(), levels.end());
}
unsigned ringback_calls() { return pjsua_call_get_count(); }
unsigned ringback_reap() { return ringback::reap(); }
%}
