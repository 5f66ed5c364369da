/*
 * The worker's side of the daemon: rank 0 of each run connects to STATE/link.sock, proves itself with the secret of its
 * launch, and from then on belongs to that run's job.
 */
#ifndef BIT_DAEMON_LINK_H
#define BIT_DAEMON_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/payload.h"
#include "proto/bit.pb-c.h"
#include "proto/frame.h"

struct bit_link;

struct bit_link_ops {
    /* A first message. The owner answers it with bit_link_welcome, or returns < 0, which closes the link. */
    int (*hello)(void *arg, struct bit_link *link, uint64_t frame_epoch, const Bit__WorkerHello *hello);
    void (*message)(void *owner, uint16_t type, const ProtobufCMessage *msg);
    /* Everything that was sent has left: more may be. */
    void (*drained)(void *owner);
    /* The link is gone, and not because the owner closed it. err is UV_EOF or what broke it. */
    void (*lost)(void *owner, int err);
};

struct bit_link_listener {
    uv_pipe_t pipe;
    const struct bit_link_ops *ops;
    void *arg;
    struct bit_link *links; /* all that are open */
    unsigned unproven;      /* of them without an owner */
};

/** Listen at `path`, mode 0600. Errors: libuv's; BIT_EUSAGE if the path is too long for a socket. */
int bit_link_listen(struct bit_link_listener *l, uv_loop_t *loop, const char *path, const struct bit_link_ops *ops,
                    void *arg);
void bit_link_listener_close(struct bit_link_listener *l);

/** The link belongs to `owner` from now on, and everything on it carries `epoch`. Errors: as bit_link_send. */
int bit_link_welcome(struct bit_link *link, void *owner, uint64_t epoch, const Bit__Welcome *welcome);
/**
 * Send one message, and behind it a payload where there is one. Takes ownership of payload in every case.
 * Errors      -ENOMEM, libuv's; the link is then closed and lost() was not called
 */
int bit_link_send(struct bit_link *link, uint16_t type, const void *msg, struct bit_payload *payload);
/** Bytes that have not left yet. */
size_t bit_link_queued(const struct bit_link *link);
/** Stop and go on taking messages from it. */
void bit_link_hold(struct bit_link *link, bool hold);
/** Close it on the owner's behalf: no callback follows. */
void bit_link_close(struct bit_link *link);

#endif
