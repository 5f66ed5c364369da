/*
 * Rank 0's connection to the daemon: a thread reads frames, orders are taken from a queue, reports are written under
 * one lock.
 *
 * The thread reads ahead of training, so the daemon's socket never waits for a step, and the next step's tokens are
 * here before the present one ends. The thread checks frames, checksums and the run's epoch; the reader of the queue
 * interprets the orders. The thread never calls MPI.
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

/* Orders received and not yet taken; the daemon sends a few steps ahead. When the queue is full the thread stops
 * reading. */
#define BIT_LINK_QUEUE_MAX 64

/* The daemon's address and this launch's identity: from the environment, never from arguments. */
struct bit_link_config {
    char where[BIT_PATH_MAX];         /* BITD_LINK: the path of a Unix socket, or host:port */
    char run[BIT_RUN_ID_MAX];         /* BITD_RUN */
    uint64_t epoch;                   /* BITD_EPOCH: this launch of the run */
    uint8_t secret[BIT_SECRET_BYTES]; /* content of the file BITD_SECRET_FILE, which only its owner may read */
    int64_t retry_ms;                 /* BITD_RETRY_S, 300 s: how long to go on without a daemon */
};
/** Errors      BIT_EUSAGE naming the variable; -errno of the secret's file. */
int bit_link_config_from_env(struct bit_link_config *config);

/* An order, and the tokens that came with it. */
struct bit_link_order {
    uint16_t type;         /* enum bit_msg_type of the downward channel */
    ProtobufCMessage *msg; /* NULL in an empty slot */
    uint8_t *payload;      /* payload_bytes, checked against the order's CRC; the buffer is reused */
    size_t payload_bytes, payload_capacity;
};

enum bit_link_state {
    BIT_LINK_DOWN, /* before a connection, and after it is ended */
    BIT_LINK_UP,
    BIT_LINK_LOST,   /* the peer is gone or the stream cannot be followed: connect again */
    BIT_LINK_BROKEN, /* the peer broke the protocol: a new connection would not help */
};

struct bit_link {
    struct bit_link_config config;
    struct bit_link_socket socket;
    pthread_t thread;
    bool has_thread;
    _Atomic double heard_ms; /* when bytes last arrived, by bit_clock_ms */

    pthread_mutex_t write_lock; /* one frame is written at a time */
    pthread_mutex_t lock;       /* protects all below */
    pthread_cond_t changed;
    enum bit_link_state state;
    int err; /* the error, with its text, unless UP */
    char text[BIT_ERR_TEXT_MAX];
    struct bit_link_order slots[BIT_LINK_QUEUE_MAX];
    unsigned head, count;
    bool head_taken; /* the slot at the head is lent to the caller of the last next() */
    bool woken;      /* wake() was called, and no next() has returned -EINTR for it yet */

    struct bit_frame_reader reader; /* the thread's, while there is a connection */
    struct bit_link_order partial;  /* the thread's: an order whose payload is still arriving */
    size_t partial_bytes;
};

void bit_link_init(struct bit_link *link, const struct bit_link_config *config);
/** Disconnects in any state. Not for a link that was only zeroed. */
void bit_link_finish(struct bit_link *link);

/**
 * One attempt: connect, send the hello, wait for the welcome, start the thread. The caller fills hello's ranks, step,
 * training and rank; the identity is added from the config. wait_ms limits each of the attempt's waits. *out is the
 * caller's (bit_msg_free).
 * Errors      BIT_EDAEMON, -errno, BIT_EFRAME, BIT_ETIMEOUT: worth another attempt (bit_link_is_lost); BIT_EEPOCH,
 *             BIT_EMESSAGE, BIT_EVERSION: not
 */
int bit_link_connect(struct bit_link *link, const Bit__WorkerHello *hello, int64_t wait_ms, Bit__Welcome **out);
/** Whether an error of these functions means that the link should be connected again. */
bool bit_link_is_lost(int err);

/**
 * The next order, waited for without a limit. *out is borrowed until the next call, or until the link is connected
 * again.
 * Errors      what ended the link, at once, even if orders are queued: the daemon sends them again; -EINTR if it was
 *             woken and there is no order
 */
int bit_link_next(struct bit_link *link, const struct bit_link_order **out);
/** The order after the one that the last next() returned, if it has arrived: 0, or -EAGAIN. Borrowed likewise. */
int bit_link_peek(struct bit_link *link, const struct bit_link_order **out);
/** Wake the caller of next(), now or in its next call, to look at something else. Any thread. */
void bit_link_wake(struct bit_link *link);

/** Write one whole frame (bit_msg_encode's), if the link is up. Any thread. Errors: BIT_EDAEMON; the link is then not
 * up. */
int bit_link_write(struct bit_link *link, const uint8_t *frame, size_t bytes);
/** Encode a frame for this link, on the heap. Errors: bit_msg_encode's; BIT_ELIMIT if it is larger than the daemon
 * accepts from a worker. */
int bit_link_encode(const struct bit_link *link, uint16_t type, const void *msg, uint8_t **frame, size_t *bytes);
/** Encode and write. */
int bit_link_send(struct bit_link *link, uint16_t type, const void *msg);

#endif
