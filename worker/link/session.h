/*
 * Rank 0's conversation with the daemon, over any number of connections: hello, orders, reports, and resent reports.
 *
 * A report is kept until so many newer ones exist that the daemon, which orders only a few steps ahead of what it has
 * journalled, must have it. When the link is lost, orders that were not begun are dropped, the connection is made
 * again, and the reports that the daemon has not journalled, according to the welcome, are sent again.
 */
#ifndef BIT_WORKER_SESSION_H
#define BIT_WORKER_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/ckpt/product_set.h"
#include "worker/link/heartbeat.h"
#include "worker/link/link.h"
#include "worker/process/sections.h"

/* Number of reports kept; more than BIT_LINK_QUEUE_MAX steps have, each with its switch, checkpoint and evaluations. */
#define BIT_SESSION_KEPT_MAX 256

struct bit_session {
    struct bit_link link;
    uint32_t ranks;

    struct bit_kept_report {
        uint64_t step;
        bool is_step; /* a StepReport; otherwise a report of the boundary after `step` */
        uint8_t *frame;
        size_t bytes;
    } kept[BIT_SESSION_KEPT_MAX]; /* a ring */
    unsigned kept_head, kept_count;
    uint64_t forgotten; /* the last step whose report is no longer kept */

    double lost_since_ms; /* 0 while orders come */

    const struct bit_sections *sections; /* borrowed: the step, and what the heartbeat reports */
    struct bit_heartbeat beat;
};

/** Nothing is connected yet. */
void bit_session_init(struct bit_session *session, const struct bit_link_config *config, uint32_t ranks,
                      const struct bit_sections *sections);
void bit_session_finish(struct bit_session *session);

/**
 * Connect for the first time, with retries, and start the heartbeat. *welcome is the caller's (bit_msg_free).
 * Errors      bit_link_connect's; after config.retry_ms the last of them
 */
int bit_session_open(struct bit_session *session, Bit__Welcome **welcome);

/**
 * The next order (returns 0; *out is borrowed until the next call), or 1 when the link was lost and connected again:
 * reports were resent, and the caller must call bit_session_ready() before the next call.
 * Errors      -EINTR when bit_session_wake() was called and there is no order; the link's, when it is broken or the
 *             daemon stayed away for config.retry_ms; BIT_ESTATE when the daemon asks for reports that are no longer
 *             kept or knows steps that were never done
 */
int bit_session_next(struct bit_session *session, const struct bit_link_order **out);

/** The order after it, if it has arrived: 0, or -EAGAIN. Borrowed until the next call of next(). */
int bit_session_peek(struct bit_session *session, const struct bit_link_order **out);
/** Wake the caller of next(), now or in its next call, to look at something else. arg is the session. Any thread. */
void bit_session_wake(void *arg);

/** Answer a welcome. A lost link is no error: the next call of next() handles it. */
void bit_session_ready(struct bit_session *session, const Bit__WorkerReady *ready);
/** Send a report of `step` (or of the boundary after it) and keep it. A lost link is no error. */
int bit_session_report(struct bit_session *session, uint16_t type, uint64_t step, const void *msg);
/** Send the products that were timed, in as many messages as needed; nothing is kept. A lost link is no error. */
void bit_session_products(struct bit_session *session, const struct bit_product_set *found);
/** Report what stopped the worker; nothing is kept or retried. */
void bit_session_failed(struct bit_session *session, uint32_t rank, int err, const char *text);
/** Report that this rank is done; nothing is kept, because a daemon that comes back orders the stop again. A lost link
 * is no error. */
void bit_session_done(struct bit_session *session, const Bit__WorkerDone *done);

#endif
