/*
 * Rank 0's connection to the daemon: frames in by a thread, orders out of a queue, reports back under one lock.
 *
 * The thread reads ahead of training, so the daemon's socket never waits for a step and the next step's tokens are here
 * before the present one ends. It knows frames, checksums and the run's epoch; what an order means is the reader of the
 * queue's to know. The thread never calls MPI.
 */
#ifndef BIT_WORKER_LINK_H
#define BIT_WORKER_LINK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/limits.h"
#include "proto/wire/address.h"
#include "proto/wire/frame.h"
#include "worker/link/link_socket.h"

/* Orders held and not yet taken; the daemon sends a few steps ahead. Beyond that the thread stops reading. */
#define BIT_LINK_QUEUE_MAX 64

/* Where to, and who we are: from the environment, never from arguments. */
struct bit_link_config {
    char where[BIT_PATH_MAX];         /* BITD_LINK: the path of a Unix socket, or host:port */
    char run[BIT_RUN_ID_MAX];         /* BITD_RUN */
    uint64_t epoch;                   /* BITD_EPOCH: of this launch of the run */
    uint8_t secret[BIT_SECRET_BYTES]; /* what the file at BITD_SECRET_FILE holds, which only its owner may read */
    int64_t retry_ms;                 /* BITD_RETRY_S, 300 s: how long to go on without a daemon */
};
/** Errors      BIT_EUSAGE naming the variable; -errno of the secret's file. */
int bit_link_config_from_env(struct bit_link_config *config);

/* An order, and the tokens that came with it. */
struct bit_link_order {
    uint16_t type;         /* enum bit_msg_type of the downward channel */
    ProtobufCMessage *msg; /* NULL in an empty slot */
    uint8_t *payload;      /* payload_bytes, checked against the order's CRC; kept and used again */
    size_t payload_bytes, payload_capacity;
};

enum bit_link_state {
    BIT_LINK_DOWN, /* before a connection, and after it was ended */
    BIT_LINK_UP,
    BIT_LINK_LOST,   /* the peer is gone or the stream cannot be followed: connect again */
    BIT_LINK_BROKEN, /* the peer says what must not be said: no new connection cures that */
};

struct bit_link {
    struct bit_link_config config;
    struct bit_link_socket socket;
    pthread_t thread;
    bool has_thread;
    _Atomic double heard_ms; /* when something last came, on bit_clock_ms */

    pthread_mutex_t write_lock; /* one frame after another */
    pthread_mutex_t lock;       /* all below */
    pthread_cond_t changed;
    enum bit_link_state state;
    int err; /* why, with its text, unless UP */
    char text[BIT_ERR_TEXT_MAX];
    struct bit_link_order slots[BIT_LINK_QUEUE_MAX];
    unsigned head, count;
    bool head_taken; /* the slot at the head is borrowed by the last next() */
    bool woken;      /* by wake(), and no next() has told of it */

    struct bit_frame_reader reader; /* the thread's, while there is a connection */
    struct bit_link_order partial;  /* an order whose payload is still coming: the thread's */
    size_t partial_bytes;
};

void bit_link_init(struct bit_link *link, const struct bit_link_config *config);
/** Disconnects, whatever the state. Not for a link that was only zeroed. */
void bit_link_finish(struct bit_link *link);

/**
 * One attempt: connect, say hello, wait for the welcome, start the thread. hello has ranks, step, training and rank;
 * who we are is added from the config. wait_ms bounds the whole. *out is the caller's (bit_msg_free).
 * Errors      BIT_EDAEMON, -errno, BIT_EFRAME, BIT_ETIMEOUT: worth another attempt (bit_link_is_lost);
 *             BIT_EEPOCH, BIT_EMESSAGE, BIT_EVERSION: not
 */
int bit_link_connect(struct bit_link *link, const Bit__WorkerHello *hello, int64_t wait_ms, Bit__Welcome **out);
/** Whether an error of these functions is a connection to be made again. */
bool bit_link_is_lost(int err);

/**
 * The next order, waiting for it without end. *out is borrowed until the next call, or until the link is connected
 * again.
 * Errors      what ended the link, at once, even if orders are queued: they are the daemon's to send again; -EINTR if
 *             it was woken where there was no order
 */
int bit_link_next(struct bit_link *link, const struct bit_link_order **out);
/** The order after the one that the last next() gave, if it is here: 0, or -EAGAIN. Borrowed likewise. */
int bit_link_peek(struct bit_link *link, const struct bit_link_order **out);
/** Who waits in next(), now or later, has something else to look at. Any thread. */
void bit_link_wake(struct bit_link *link);

/** Write one whole frame (bit_msg_encode's), if the link is up. Any thread. Errors: BIT_EDAEMON; the link is not up
 * then. */
int bit_link_write(struct bit_link *link, const uint8_t *frame, size_t bytes);
/** A frame for it, on the heap. Errors: bit_msg_encode's; BIT_ELIMIT for more than the daemon takes of a worker. */
int bit_link_encode(const struct bit_link *link, uint16_t type, const void *msg, uint8_t **frame, size_t *bytes);
/** Encode and write. */
int bit_link_send(struct bit_link *link, uint16_t type, const void *msg);

#endif
