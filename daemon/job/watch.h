/*
 * The watch over a job's ranks: the heartbeats of each, and how long a step may take.
 *
 * A rank sends heartbeats as soon as it is greeted. It is silent if nothing came from it for heartbeat_ms, which is
 * five beats. This is counted in bitd's own looks, eight between two beats, so that a daemon that was itself held up
 * takes no rank for dead; silence is found at the first look after that time. A rank that is not greeted within
 * fence_ms and heartbeat_ms after rank 0 is silent as well: one that cannot reach bitd has ended itself by then. With
 * many ranks, a tick sends beats to only some of them, so that the loop is never held up by all at once. Heartbeats
 * without a step report are a hang: a step may take stall_factor times the 99th percentile of the last hundred, and
 * never less than stall_ms. The limit is long_ms until enough steps are known, for the first step of a launch and of a
 * phase, and for every order that is not a step.
 */
#ifndef BIT_DAEMON_WATCH_H
#define BIT_DAEMON_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/link/worker_link.h"
#include "daemon/run/ranks/heartbeat_gaps.h"

#define BIT_WATCH_STEPS      100 /* the 99th percentile is taken of these */
#define BIT_WATCH_STEPS_MIN  8   /* with fewer, no limit is derived from them */
#define BIT_WATCH_BOUNDARIES 128 /* more than lookahead can be */

struct bit_job;

struct bit_watch_rank {
    struct bit_job *job;
    struct bit_worker_link *link;   /* its own; NULL for rank 0, whose link is the job's, and while it has none */
    bool greeted;                   /* it has connected: it must send heartbeats */
    bool heard;                     /* a heartbeat came since bitd started */
    unsigned silent;                /* looks since it was last heard */
    unsigned unanswered;            /* consecutive beats before which its machine had not acknowledged the one before */
    struct bit_heartbeat_gaps gaps; /* between its heartbeats */
    uint64_t step;                  /* the last one done */
    char section[16];               /* of its last heartbeat */
    char host[64];
    uint32_t pid;
};

struct bit_watch {
    uv_timer_t tick;
    struct bit_watch_rank *rank; /* of this launch */
    uint32_t ranks;
    uint32_t expected;                       /* ranks without a link, as reported to the listener */
    uint32_t slice, slices;                  /* the part of the ranks that the next tick sends beats to; of how many */
    uint64_t look_ms;                        /* between two looks for silent ranks */
    uint64_t first_ms;                       /* when the first rank connected, on the loop's clock; 0: none has */
    bool all_here;                           /* all were connected at once */
    double step_ms[BIT_WATCH_STEPS];         /* a ring */
    unsigned steps;                          /* steps stored so far, over all launches */
    bool fresh;                              /* the next step is the first of a launch or of a phase */
    uint16_t long_due[BIT_WATCH_BOUNDARIES]; /* orders other than steps after boundary s, at s % BIT_WATCH_BOUNDARIES */
};

/** A launch begins: no rank was heard. Errors: -ENOMEM. */
int bit_watch_begin(struct bit_job *job);
/** The launch ends: close the ranks' own links, and log the gaps between their heartbeats. */
void bit_watch_end(struct bit_job *job);
void bit_watch_free(struct bit_job *job);

/** Rank `rank` has connected, with its own link unless it is rank 0. */
void bit_watch_greet(struct bit_job *job, struct bit_worker_link *link, const Bit__WorkerHello *hello);
/** The rank's link is gone. */
void bit_watch_unlink(struct bit_watch_rank *rank);
/** Time since it was heard or greeted; for a rank that was not greeted, since rank 0 was. */
uint64_t bit_watch_silent_ms(const struct bit_watch *w, uint32_t rank);
/** Whether its process is on this machine. */
bool bit_watch_is_here(const struct bit_watch_rank *rank);
/** A heartbeat of the rank came. */
void bit_watch_heard(struct bit_watch_rank *rank, const Bit__Heartbeat *m);
/**
 * Whether its process is silent and so is its node, or it has no link: the kernel of a live node acknowledges what it
 * receives, whatever its processes do.
 */
bool bit_watch_is_cut_off(const struct bit_job *job, uint32_t rank);
/**
 * Whether it is still open if the node is lost: something that bitd sent is not acknowledged, and not for long enough.
 * It is decided within three beats.
 */
bool bit_watch_may_be_cut_off(const struct bit_job *job, uint32_t rank);
/** Another message came from the rank: it counts like a heartbeat. */
void bit_watch_alive(struct bit_job *job, uint32_t rank);

/** A step was reported; the phase changed, and its first step may take long. */
void bit_watch_step(struct bit_watch *w, double ms);
void bit_watch_switched(struct bit_watch *w);
/** An order other than a step was sent after boundary `step`; its report came. */
void bit_watch_ordered(struct bit_watch *w, uint64_t step);
void bit_watch_reported(struct bit_watch *w, uint64_t step);
void bit_watch_forget_orders(struct bit_watch *w);
/** How long the next report may take. */
uint64_t bit_watch_limit_ms(const struct bit_job *job);

#endif
