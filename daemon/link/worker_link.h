/*
 * The connections of workers: every rank connects to STATE/link.sock or, where the setting `listen` says so, over TCP,
 * proves itself with the secret of its launch, and from then on belongs to that run's job.
 *
 * Over TCP anybody may connect. Until a connection has proved itself
 *   - it has HELLO_MS for it;
 *   - it is one of at most UNPROVEN_MAX, of which the oldest is closed for the next: a worker needs two round trips;
 *   - its source has a token bucket (daemon/link/connection_rate.h), and is turned away when that is empty;
 *   - all together are taken or turned away no faster than ACCEPT_RATE a second, and the others wait in the kernel.
 * Each of these gives way to as many ranks as launches wait for (bit_worker_link_expect): they come all at once, and
 * what a stranger gains by it is as much more memory as those ranks will take.
 * The numbers stand in worker_link.c; what such a connection costs, in daemon/link/wire.h.
 */
#ifndef BIT_DAEMON_WORKER_LINK_H
#define BIT_DAEMON_WORKER_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/link/connection_rate.h"
#include "daemon/link/payload.h"
#include "daemon/sys/config.h"
#include "proto/bit.pb-c.h"
#include "proto/wire/address.h"
#include "proto/wire/frame.h"
#include "proto/wire/handshake.h"

struct bit_worker_link;

struct bit_worker_link_ops {
    /* A first message. The owner answers it with bit_worker_link_welcome, or returns < 0, which closes the link. */
    int (*hello)(void *arg, struct bit_worker_link *link, uint64_t frame_epoch, const Bit__WorkerHello *hello);
    void (*message)(void *owner, uint16_t type, const ProtobufCMessage *msg);
    /* Everything that was sent has left: more may be. */
    void (*drained)(void *owner);
    /* The link is gone, and not because the owner closed it. err is UV_EOF or what broke it. */
    void (*lost)(void *owner, int err);
    /* The id and secret of launch `epoch` of a run, if it waits for a worker; < 0 otherwise. run is a stranger's word:
     * at most BIT_RUN_ID_MAX bytes with a NUL. */
    int (*launch)(void *arg, const char *run, uint64_t epoch, struct bit_launch_id *out);
};

/* One socket that listens. */
struct bit_worker_link_inlet {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_pipe_t pipe;
        uv_tcp_t tcp;
    } io;
    struct bit_worker_link_listener *listener;
    bool tcp;
    unsigned unproven; /* links of it without an owner */
};

struct bit_worker_link_listener {
    struct bit_worker_link_inlet local, remote; /* remote is open if told is not empty */
    char told[BIT_ADDRESS_MAX];
    const struct bit_worker_link_ops *ops;
    void *arg;
    struct bit_worker_link *links; /* all that are open, the newest first */
    const char *path;              /* of the local socket, once it is there; borrowed */
    uv_timer_t accept_timer;       /* until more may be taken */
    double tokens;                 /* how many may be taken now ... */
    uint64_t tokens_ms;            /* ... as of then, on the loop's clock */
    unsigned expected;             /* ranks that launches wait for */
    uint64_t refused, refused_told_ms;
    struct bit_connection_rate sources;
};

/** Listen at `path`, mode 0600. Errors: libuv's; BIT_EUSAGE if the path is too long for a socket. */
int bit_worker_link_listen(struct bit_worker_link_listener *l, uv_loop_t *loop, const char *path,
                           const struct bit_worker_link_ops *ops, void *arg);
/** Listen over TCP too (bit_endpoint_open). Errors: as that; libuv's. */
int bit_worker_link_listen_tcp(struct bit_worker_link_listener *l, const char *listen, const char *advertise,
                               const char *kept);
/** What a worker of this launcher is given as BITD_LINK: the Unix socket's path, or "host:port" (setting link_kind). */
const char *bit_worker_link_address(const struct bit_worker_link_listener *l, const struct bit_config *config,
                                    Bit__Launcher launcher);
/** So many more ranks are expected, or fewer: they came, or their launch is over. */
void bit_worker_link_expect(struct bit_worker_link_listener *l, int more);
void bit_worker_link_listener_close(struct bit_worker_link_listener *l);

/**
 * The link belongs to `owner` from now on, whom `ops` tell, and everything on it carries `epoch`.
 * Errors      as bit_worker_link_send
 */
int bit_worker_link_welcome(struct bit_worker_link *link, const struct bit_worker_link_ops *ops, void *owner,
                            uint64_t epoch, const Bit__Welcome *welcome);
/**
 * Send one message, and after it a payload where there is one. Takes ownership of payload in every case.
 * Errors      -ENOMEM, libuv's; the link is then closed and lost() was not called
 */
int bit_worker_link_send(struct bit_worker_link *link, uint16_t type, const void *msg, struct bit_payload *payload);
/** The other side's machine has acknowledged all that was sent; true of a local one. */
bool bit_worker_link_is_answered(const struct bit_worker_link *link);
/** Bytes that have not left yet. */
size_t bit_worker_link_queued(const struct bit_worker_link *link);
/** Stop and go on taking messages from it. */
void bit_worker_link_hold(struct bit_worker_link *link, bool hold);
/** Close it on the owner's behalf: no callback follows. */
void bit_worker_link_close(struct bit_worker_link *link);

#endif
