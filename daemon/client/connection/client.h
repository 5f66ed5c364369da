/*
 * One client's connection: frames in, answers out, its end. What a frame asks for is handled by the layers above,
 * through bit_client_ops.
 */
#ifndef BIT_DAEMON_CLIENT_H
#define BIT_DAEMON_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/client/connection/stream_queue.h"
#include "daemon/sys/env.h"
#include "daemon/sys/sockets/peer.h"
#include "daemon/sys/user_threads.h"
#include "proto/bit.pb-c.h"
#include "proto/text/problems.h"
#include "proto/wire/frame.h"

struct bit_client;
struct bit_prune;
struct bit_remove;
struct bit_runs;
struct bit_resumption;
struct bit_runner;
struct bit_stream;
struct bit_submission;
struct bit_sweeps;

struct bit_client_ops {
    /* A whole frame has arrived. After an error the client is dropped, and the note is logged. */
    int (*frame)(struct bit_client *c, const struct bit_frame *frame);
    /* Queued bytes were written: its stream may continue. */
    void (*sent)(struct bit_client *c);
    /* A message for it cannot be encoded: end its stream. */
    void (*stuck)(struct bit_client *c);
    /* It is being closed: end everything that it asked for, without an answer. */
    void (*gone)(struct bit_client *c);
};

struct bit_listener;

/* All connections, and the objects that their requests use. */
struct bit_clients {
    const struct bit_client_ops *ops;
    const struct bit_env *env;
    struct bit_runs *runs;
    struct bit_sweeps *sweeps;
    struct bit_user_threads *user_threads;
    struct bit_stream_queue stream_queue;
    const struct bit_listener *listeners[2]; /* the sockets that clients connect to */
    struct bit_client *first;                /* the newest */
    uint64_t dropped_ms;                     /* start of the second in which `told` counts */
    unsigned told;                           /* lines logged about dropped clients */
    unsigned untold;                         /* clients dropped without a line; the next line reports how many */
};

/* What a client waits for (wait.h). */
enum bit_wait_kind {
    BIT_WAIT_NONE,
    BIT_WAIT_REQUESTED,  /* the conditions of a WaitRequest */
    BIT_WAIT_CHECKPOINT, /* a durable one at `step` or later */
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
    uv_timer_t timer; /* limits half a frame, and unread answers of a client that leaves; retries closing */
    struct bit_clients *all;
    struct bit_client *next, **back;
    struct bit_frame_reader reader;
    struct bit_peer peer;
    bool closing, busy; /* busy: a request is being answered */
    bool leaving;       /* to be closed when everything queued has been written */
    int handles;
    ssize_t seen;               /* the result of bit_passed_fds_look */
    void (*diverted)(void *to); /* called when data has arrived, which is not read here; NULL: it is read here */
    void *diverted_to;
    struct bit_user_task left; /* closes a copy of its socket, where that may take long */
    int left_fd;

    /* The requests that are not answered yet; each belongs to the file that answers it. */
    struct bit_wait wait;
    struct {
        char id[BIT_RUN_ID_MAX]; /* the sweep's; empty: none */
        bool has_state;
        Bit__RunState state;
    } sweep_wait;
    struct bit_stream *stream;
    struct bit_submission *submission;
    struct bit_resumption *resumption;
    struct bit_remove *remove;
    struct bit_prune *prune;
};

/** A new client at the head of the list, to be passed to bit_client_accept. NULL: -ENOMEM. */
struct bit_client *bit_client_create(struct bit_clients *all, uv_stream_t *server);
/** Accept its connection to `server`; its peer is not set yet. Errors: libuv's. */
int bit_client_accept(struct bit_client *c, uv_stream_t *server);

/** Start or stop reading from it. */
void bit_client_read(struct bit_client *c, bool on);
/** When data arrives, call `taken` with `to` instead of reading it; NULL: read it again. bit_client_read turns on
 * both. */
void bit_client_divert(struct bit_client *c, void (*taken)(void *to), void *to);

/** Send one message. A client that does not read its answers is dropped. */
void bit_client_send(struct bit_client *c, uint16_t type, const void *msg);
/** The same for encoded frames, of which it takes ownership in every case. */
void bit_client_send_frames(struct bit_client *c, uint8_t *frames, size_t bytes);
/** Bytes queued for it. */
size_t bit_client_queued(const struct bit_client *c);
/** Send an ErrorReply, which ends the request. */
void bit_client_refuse(struct bit_client *c, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void bit_client_refuse_problems(struct bit_client *c, int err, const struct bit_problems *problems);
/** Send a NoteReply, before the answer. */
void bit_client_note(struct bit_client *c, char *text);
/** The request has been answered: the next one may come. */
void bit_client_end(struct bit_client *c);

/** Stop reading, and close it when everything queued has been written, or after client_timeout. */
void bit_client_leave(struct bit_client *c);
/** Refuse the connection: answer BIT_EBUSY with the reason, and close it. */
void bit_client_turn_away(struct bit_client *c, const char *why);
/** Close it, with a line in the log that says why. */
void bit_client_drop(struct bit_client *c, const char *why);
/** Close it. More than once is fine. */
void bit_client_close(struct bit_client *c);

#endif
