/* The client socket: one struct a client, limits for each, and what a client may be waiting for. */
#ifndef BIT_DAEMON_CLIENT_H
#define BIT_DAEMON_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/client/access.h"
#include "daemon/client/stream_queue.h"
#include "daemon/sys/env.h"
#include "daemon/sys/user_threads.h"
#include "proto/bit.pb-c.h"
#include "proto/wire/frame.h"

struct bit_client;
struct bit_proof;
struct bit_runner;
struct bit_runs;
struct bit_submission;
struct bit_stream;

struct bit_server {
    uv_pipe_t pipe;
    const struct bit_env *env;
    struct bit_runs *runs;
    struct bit_user_threads *user_threads; /* what clients may make last */
    struct bit_access access;
    struct bit_client *clients;
    struct bit_stream_queue stream_queue; /* of streams to them */
    uint64_t dropped_ms;                  /* when the second began that the two below are of */
    unsigned told;                        /* lines about dropped clients */
    unsigned untold;                      /* clients dropped without a line: the next one says how many */
};

/* What a client waits for; the first condition that holds ends it. */
enum bit_wait_kind {
    BIT_WAIT_NONE,
    BIT_WAIT_REQUESTED,  /* what a WaitRequest says */
    BIT_WAIT_CHECKPOINT, /* a durable one at `step` or behind */
    BIT_WAIT_PAUSED,
    BIT_WAIT_TRAINING,
    BIT_WAIT_ENDED,
};

struct bit_wait {
    enum bit_wait_kind kind;
    struct bit_runner *runner;
    bool has_state, has_step, has_precision, has_checkpoint;
    Bit__RunState state;
    Bit__Precision precision;
    uint64_t step, checkpoint;
    uint64_t event; /* of the DoneReply */
};

struct bit_client {
    uv_pipe_t pipe;
    uv_timer_t timer; /* half a frame */
    struct bit_server *server;
    struct bit_client *next, **back;
    struct bit_frame_reader reader;
    struct bit_peer peer;
    bool closing, busy; /* busy: a request is being answered */
    bool leaving;       /* closed when what was sent to it is on its way */
    int handles;
    ssize_t seen;              /* what bit_passed_fds_look said */
    struct bit_proof *proof;   /* takes what comes, instead of us */
    struct bit_user_task left; /* its socket, where closing it may take time */
    int left_fd;
    struct bit_wait wait;
    struct bit_stream *stream;         /* a stream of events or log text */
    struct bit_submission *submission; /* being checked */
};

/** Listen on config.socket. Errors: BIT_EBUSY, BIT_EUSAGE, -errno. */
int bit_server_listen(struct bit_server *s, const struct bit_env *env, struct bit_runs *runs,
                      struct bit_user_threads *user_threads);
void bit_server_close(struct bit_server *s);
/** A run changed: answer who waited for it, go on with who follows it. */
void bit_server_changed(struct bit_server *s, struct bit_runner *r);

/** Send one message. A client that does not take what it gets is closed. */
void bit_client_send(struct bit_client *c, uint16_t type, const void *msg);
/** The same for frames that are encoded already. Takes ownership of them in every case. */
void bit_client_send_frames(struct bit_client *c, uint8_t *frames, size_t bytes);
/** Bytes on their way to it. */
size_t bit_client_queued(const struct bit_client *c);
/** ErrorReply; ends the request. problems may be NULL. */
void bit_client_refuse(struct bit_client *c, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void bit_client_refuse_problems(struct bit_client *c, int err, const char *text, Bit__Problem **problems, size_t count);
/** Stop and go on reading what it says. */
void bit_client_read(struct bit_client *c, bool on);
/** Read no more, and close it when what was sent is on its way, or was not taken for client_timeout. */
void bit_client_leave(struct bit_client *c);
/** The request has been answered: the next one may come. */
void bit_client_end(struct bit_client *c);
/** Wait; answered at once if it holds already. */
void bit_client_wait(struct bit_client *c, const struct bit_wait *wait);

#endif
