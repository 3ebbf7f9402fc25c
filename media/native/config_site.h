/* PJSIP's build-time limits and switches for Ringback. Each is asserted again when the process starts
 * (media/native/src/endpoint.cpp, media/limits.py), so that a foreign pjsua2 is refused and not half-used. */
#define PJMEDIA_HAS_VIDEO               0

/* PJSIP's defaults (4 calls, 64 handles, 254 conference ports) are a phone's. */
#define PJSUA_MAX_CALLS                 2000
#define PJSUA_MAX_ACC                   256
#define PJSUA_MAX_PLAYERS               4
#define PJSUA_MAX_RECORDERS             4
#define PJSUA_MAX_CONF_PORTS            8192
#define PJ_IOQUEUE_MAX_HANDLES          16384
#define PJSIP_MAX_TRANSPORTS            4096
#define PJSIP_MAX_PKT_LEN               16000
#define PJSIP_MAX_TSX_COUNT             65535
#define PJSIP_MAX_DIALOG_COUNT          65535

/* One thread polls each I/O queue, so EPOLLEXCLUSIVE and EPOLLONESHOT would only cost system calls
 * (0.3 millicores a call). */
#define PJ_IOQUEUE_DEFAULT_EPOLL_FLAGS  0
/* The clock drains the RTP queue once a tick: take more than 16 packets a system call. */
#define PJ_IOQUEUE_MAX_EVENTS_IN_SINGLE_POLL 64

#define PJ_HAS_IPV6                     1
#define PJ_DEBUG                        0
/* Formatting level 5 and 6 messages costs even when they are dropped. */
#define PJ_LOG_MAX_LEVEL                4
