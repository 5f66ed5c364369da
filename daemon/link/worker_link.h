/*
 * The connections of workers: every rank connects to STATE/link.sock or, if the setting `listen` says so, over TCP,
 * proves itself with the secret of its launch, and then belongs to that run's job.
 *
 * Anybody may connect over TCP. Until a connection has proved itself
 *   - it has HELLO_MS to do so;
 *   - at most UNPROVEN_MAX such connections exist; the oldest is closed for a new one: a worker needs two round trips;
 *   - its source has a token bucket (daemon/link/connection_rate.h), and is refused when that is empty;
 *   - in total, at most ACCEPT_RATE per second are accepted or refused; the others wait in the kernel.
 * Each limit is raised by the number of ranks that launches wait for (bit_worker_link_expect), since they connect all
 * at once. A stranger gains by this no more than the memory that those ranks will use. The values are in worker_link.c;
 * daemon/link/wire.h says what such a connection costs.
 */
#ifndef BIT_DAEMON_WORKER_LINK_H
#define BIT_DAEMON_WORKER_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/link/connection_rate.h"
#include "daemon/link/payload.h"
#include "daemon/link/turn_share.h"
#include "daemon/sys/settings/config.h"
#include "proto/bit.pb-c.h"
#include "proto/wire/address.h"
#include "proto/wire/frame.h"
#include "proto/wire/handshake.h"

struct bit_worker_link;

struct bit_worker_link_ops {
    /* The first message. The owner answers with bit_worker_link_welcome, or returns < 0, which closes the link. */
    int (*hello)(void *arg, struct bit_worker_link *link, uint64_t frame_epoch, const Bit__WorkerHello *hello);
    void (*message)(void *owner, uint16_t type, const ProtobufCMessage *msg);
    /* Everything sent has left: more may be sent. */
    void (*drained)(void *owner);
    /* The link is gone, and the owner did not close it. err: UV_EOF, or what broke it. */
    void (*lost)(void *owner, int err);
    /* The id and secret of launch `epoch` of a run, if it waits for a worker; < 0 otherwise. run is not trusted: at
     * most BIT_RUN_ID_MAX bytes with a NUL. */
    int (*launch)(void *arg, const char *run, uint64_t epoch, struct bit_launch_id *out);
};

/* A listening socket. */
struct bit_worker_link_inlet {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_pipe_t pipe;
        uv_tcp_t tcp;
    } io;
    struct bit_worker_link_listener *listener;
    bool tcp;
    unsigned unproven;             /* its links without an owner */
    struct bit_turn_waiter waiter; /* a connection is to be accepted in a later turn */
};

struct bit_worker_link_listener {
    struct bit_worker_link_inlet local, remote; /* remote is open if told is not empty */
    char told[BIT_ADDRESS_MAX];
    const struct bit_worker_link_ops *ops;
    void *arg;
    struct bit_turn_share share;   /* of accepting, authenticating, reading and closing the links */
    struct bit_worker_link *links; /* all open links, newest first */
    const char *path;              /* of the local socket, once it exists; borrowed */
    uv_timer_t accept_timer;       /* until more connections may be accepted */
    double tokens;                 /* connections that may be accepted ... */
    uint64_t tokens_ms;            /* ... at this time of the loop's clock */
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
/** What a worker of this launcher gets as BITD_LINK: the Unix socket's path, or "host:port" (setting link_kind). */
const char *bit_worker_link_address(const struct bit_worker_link_listener *l, const struct bit_config *config,
                                    Bit__Launcher launcher);
/** Change the number of expected ranks: a launch waits for more, or they connected, or their launch is over. */
void bit_worker_link_expect(struct bit_worker_link_listener *l, int more);
void bit_worker_link_listener_close(struct bit_worker_link_listener *l);

/**
 * From now on the link belongs to `owner`, `ops` are called, and every message carries `epoch`.
 * Errors      as bit_worker_link_send
 */
int bit_worker_link_welcome(struct bit_worker_link *link, const struct bit_worker_link_ops *ops, void *owner,
                            uint64_t epoch, const Bit__Welcome *welcome);
/**
 * Send one message, followed by the payload if there is one. Takes ownership of payload in every case.
 * Errors      -ENOMEM, libuv's; the link is then closed, and lost() is not called
 */
int bit_worker_link_send(struct bit_worker_link *link, uint16_t type, const void *msg, struct bit_payload *payload);
/** Whether the other machine has acknowledged everything sent; always true for a local link. */
bool bit_worker_link_is_answered(const struct bit_worker_link *link);
/** Bytes that have not left yet. */
size_t bit_worker_link_queued(const struct bit_worker_link *link);
/** Stop taking messages from the link, or continue. */
void bit_worker_link_hold(struct bit_worker_link *link, bool hold);
/** Close it for its owner: no callback follows. */
void bit_worker_link_close(struct bit_worker_link *link);

#endif
