/*
 * One client's connection: what it sends, frame by frame, what it is sent, and its end. What a frame asks for is
 * answered by others, who are called through bit_client_ops.
 */
#ifndef BIT_DAEMON_CLIENT_H
#define BIT_DAEMON_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/client/connection/stream_queue.h"
#include "daemon/sys/env.h"
#include "daemon/sys/peer.h"
#include "daemon/sys/user_threads.h"
#include "proto/bit.pb-c.h"
#include "proto/text/problems.h"
#include "proto/wire/frame.h"

struct bit_client;
struct bit_remove;
struct bit_runs;
struct bit_resumption;
struct bit_runner;
struct bit_stream;
struct bit_submission;
struct bit_sweeps;

struct bit_client_ops {
    /* A whole frame. Errors: the client is dropped, with the note for a reason. */
    int (*frame)(struct bit_client *c, const struct bit_frame *frame);
    /* Something that was sent has left: its stream may go on. */
    void (*sent)(struct bit_client *c);
    /* What it should be told next cannot be sent: its stream ends. */
    void (*stuck)(struct bit_client *c);
    /* It is being closed: whatever it asked for ends, without an answer. */
    void (*gone)(struct bit_client *c);
};

struct bit_listener;

/* All connections, and what their requests work on. */
struct bit_clients {
    const struct bit_client_ops *ops;
    const struct bit_env *env;
    struct bit_runs *runs;
    struct bit_sweeps *sweeps;
    struct bit_user_threads *user_threads;
    struct bit_stream_queue stream_queue;
    const struct bit_listener *listeners[2]; /* where it is connected to */
    struct bit_client *first;                /* the newest */
    uint64_t dropped_ms;                     /* when the second began that the two below are of */
    unsigned told;                           /* lines about dropped clients */
    unsigned untold;                         /* clients dropped without a line: the next one says how many */
};

/* What ends a wait: the first condition of these that holds (wait.h). */
enum bit_wait_kind {
    BIT_WAIT_NONE,
    BIT_WAIT_REQUESTED,  /* what a WaitRequest says */
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
    uv_timer_t timer; /* half a frame */
    struct bit_clients *all;
    struct bit_client *next, **back;
    struct bit_frame_reader reader;
    struct bit_peer peer;
    bool closing, busy; /* busy: a request is being answered */
    bool leaving;       /* closed when what was sent to it is on its way */
    int handles;
    ssize_t seen;               /* what bit_passed_fds_look said */
    void (*diverted)(void *to); /* is called when something came, which is left where it is; NULL: it is read here */
    void *diverted_to;
    struct bit_user_task left; /* its socket, where closing it may take time */
    int left_fd;

    /* What it has asked for and is not answered yet, of those who answer it. */
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
};

/** What connected to `server`, at the head of the list. NULL: -ENOMEM, and the connection stays in the queue. */
struct bit_client *bit_client_create(struct bit_clients *all, uv_stream_t *server);
/** Take the connection, whose peer is not known yet. Errors: libuv's. */
int bit_client_accept(struct bit_client *c, uv_stream_t *server);

/** Stop and go on reading what it says. */
void bit_client_read(struct bit_client *c, bool on);
/** Have `taken` called with `to`, instead of reading, when something came. NULL: read again, once it is turned on. */
void bit_client_divert(struct bit_client *c, void (*taken)(void *to), void *to);

/** Send one message. A client that does not take what it gets is closed. */
void bit_client_send(struct bit_client *c, uint16_t type, const void *msg);
/** The same for frames that are encoded already. Takes ownership of them in every case. */
void bit_client_send_frames(struct bit_client *c, uint8_t *frames, size_t bytes);
/** Bytes on their way to it. */
size_t bit_client_queued(const struct bit_client *c);
/** ErrorReply; ends the request. */
void bit_client_refuse(struct bit_client *c, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void bit_client_refuse_problems(struct bit_client *c, int err, const struct bit_problems *problems);
/** Say something beside the answer, before it. */
void bit_client_note(struct bit_client *c, char *text);
/** The request has been answered: the next one may come. */
void bit_client_end(struct bit_client *c);

/** Read no more, and close it when what was sent is on its way, or was not taken for client_timeout. */
void bit_client_leave(struct bit_client *c);
/** Refuse the whole connection: it is told why (BIT_EBUSY), and closed. */
void bit_client_turn_away(struct bit_client *c, const char *why);
/** Close it, with a line in the log that says why. */
void bit_client_drop(struct bit_client *c, const char *why);
/** Close it. More than once is fine. */
void bit_client_close(struct bit_client *c);

#endif
