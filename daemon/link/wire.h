/*
 * One worker's connection as bytes: bare over a Unix socket; over TCP in sealed records (proto/wire/seal.h), once the
 * other side has proved itself (proto/wire/handshake.h). Users read and write frames alike on both.
 *
 * Before that proof, a TCP connection costs no more than its struct: its bytes go to a fixed array, nothing is
 * allocated or parsed for it, and no random number is drawn.
 */
#ifndef BIT_DAEMON_WIRE_H
#define BIT_DAEMON_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/link/payload.h"
#include "daemon/link/turn_share.h"
#include "proto/wire/handshake.h"

struct bit_wire_write;

struct bit_wire_ops {
    /* The id and secret of the launch that a hello names. < 0 if that launch waits for no worker. */
    int (*launch)(void *arg, const char *run, uint64_t epoch, struct bit_launch_id *out);
    /* Provides room for at least one plain byte, or returns < 0; arrived() then tells how many bytes were put there.
     * Both may close or hold the wire. */
    int (*room)(void *arg, uint8_t **room, size_t *bytes);
    void (*arrived)(void *arg, size_t bytes);
    /* Some of what was sent has left. */
    void (*sent)(void *arg);
    /* The wire must be closed. err: UV_EOF; libuv's; BIT_EAUTH; -EBADMSG for a record that the other side did not
     * seal. If the other side closes while something is on its way to it, everything that it sent arrives before
     * this call. */
    void (*broken)(void *arg, int err);
};

enum bit_wire_stage {
    BIT_WIRE_HELLO,  /* TCP: 112 bytes */
    BIT_WIRE_HEADER, /* TCP: the stream's 24-byte header from the worker */
    BIT_WIRE_SEALED,
    BIT_WIRE_BARE, /* a Unix socket, always */
};

struct bit_wire {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_pipe_t pipe;
        uv_tcp_t tcp;
    } io; /* io.handle.data is the wire */
    const struct bit_wire_ops *ops;
    void *arg;
    struct bit_turn_share *share;
    struct bit_turn_waiter waiter; /* what was read is not handled yet, or the handle is not closed yet */
    enum bit_wire_stage stage;
    bool held, closing;
    int ended; /* the error that ended reading; 0: none */
    uv_close_cb closed;

    uint8_t early[BIT_HANDSHAKE_HELLO_BYTES]; /* of the present stage */
    size_t early_bytes;
    uint8_t in_key[BIT_SEAL_KEY_BYTES];
    struct bit_sealer out;
    struct bit_opener in;
    const uint8_t *plain; /* opened, but not handed on yet */
    size_t plain_bytes;

    struct bit_wire_write *first, **last; /* sealed wire: what is still to be sent, in order */
    size_t queued_bytes;                  /* of these writes */
    size_t flight_bytes;                  /* sealed, but not yet accepted by the kernel */
    bool some_left;                       /* a message was sealed completely, and sent() is due */
};

/** Initialise a handle of the share's loop without a connection; it must be closed later. */
void bit_wire_init(struct bit_wire *w, struct bit_turn_share *share, bool tcp, const struct bit_wire_ops *ops,
                   void *arg);
/** Accept a connection to `server`. Errors: libuv's. */
int bit_wire_accept(struct bit_wire *w, uv_stream_t *server);
/** Start or continue reading. Bytes that are already opened are handed on at once. */
void bit_wire_start(struct bit_wire *w);
/** Stop reading: nothing arrives until start. */
void bit_wire_stop(struct bit_wire *w);
/** Set the limit of plain bytes in one record. On a Unix socket the frame reader has the limit. */
void bit_wire_limit(struct bit_wire *w, uint32_t plain_max);
/**
 * Send one encoded message, followed by the payload if there is one. Takes ownership of both in every case.
 * Errors      -ENOMEM, libuv's: the connection must be closed; broken() is not called
 */
int bit_wire_send(struct bit_wire *w, uint8_t *frame, size_t bytes, struct bit_payload *payload);
/** Bytes passed to send that have not left. */
size_t bit_wire_queued(const struct bit_wire *w);
/** Close the wire; closed is called from the loop. No other call follows. */
void bit_wire_close(struct bit_wire *w, uv_close_cb closed);
/** The other side, for a log: an address, or "local". */
void bit_wire_peer(const struct bit_wire *w, char *out, size_t room);

#endif
