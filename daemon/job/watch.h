/*
 * The watch over a job's ranks: a heartbeat of each, and how long a step may take.
 *
 * A rank beats as soon as it is greeted. It is silent when nothing came from it for heartbeat_ms, five beats, counted
 * in looks of our own, so that a daemon that was held up itself holds nobody else for dead: it is found at the first
 * look after that time, of which there are eight between two beats. A rank that was not greeted fence_ms and
 * heartbeat_ms after rank 0 is silent as well: one that cannot reach bitd has ended itself by then. Of many ranks a
 * tick sends beats to a part, so that all of them never hold up the loop at once. A rank that beats and a step that is
 * not reported are a hang: a step may take stall_factor times the 99th percentile of the last hundred, and never less
 * than stall_ms. Before enough steps are known, for the first one of a launch and of a phase, and for whatever is no
 * step: long_ms.
 */
#ifndef BIT_DAEMON_WATCH_H
#define BIT_DAEMON_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/link/worker_link.h"
#include "daemon/run/heartbeat_gaps.h"

#define BIT_WATCH_STEPS      100 /* of which the 99th percentile is taken */
#define BIT_WATCH_STEPS_MIN  8   /* before so many are known nothing is concluded from them */
#define BIT_WATCH_BOUNDARIES 128 /* more than lookahead can be */

struct bit_job;

struct bit_watch_rank {
    struct bit_job *job;
    struct bit_worker_link *link;   /* its own; NULL for rank 0, whose link is the job's, and while it is lost */
    bool greeted;                   /* it has come: it must beat */
    bool heard;                     /* it has beaten since bitd began */
    unsigned silent;                /* looks since the last sign of it */
    unsigned unanswered;            /* beats in a row at which its machine had not acknowledged the last beat */
    struct bit_heartbeat_gaps gaps; /* between its heartbeats */
    uint64_t step;                  /* the last one done */
    char section[16];               /* what it is at */
    char host[64];
    uint32_t pid;
};

struct bit_watch {
    uv_timer_t tick;
    struct bit_watch_rank *rank; /* of this launch */
    uint32_t ranks;
    uint32_t expected;                       /* of them, those without a link, as the listener was told */
    uint32_t slice, slices;                  /* of the ranks: the one that the next tick beats to, of how many */
    uint64_t look_ms;                        /* between two looks at who is silent */
    uint64_t first_ms;                       /* when the first rank came, on the loop's clock; 0: none has */
    bool all_here;                           /* all of them were, once */
    double step_ms[BIT_WATCH_STEPS];         /* a ring */
    unsigned steps;                          /* so many were put there, over all launches */
    bool fresh;                              /* the next step is the first of a launch or of a phase */
    uint16_t long_due[BIT_WATCH_BOUNDARIES]; /* orders other than steps after boundary s, at s % BIT_WATCH_BOUNDARIES */
};

/** A launch begins: nothing was heard. Errors: -ENOMEM. */
int bit_watch_begin(struct bit_job *job);
/** The launch ends: the ranks' own links are closed, and the log has how their hearts beat. */
void bit_watch_end(struct bit_job *job);
void bit_watch_free(struct bit_job *job);

/** Rank `rank` has come, on a link of its own unless it is rank 0. */
void bit_watch_greet(struct bit_job *job, struct bit_worker_link *link, const Bit__WorkerHello *hello);
/** Its link is gone. */
void bit_watch_unlink(struct bit_watch_rank *rank);
/** Since it was heard or greeted; of a rank that was not greeted, since rank 0 was. */
uint64_t bit_watch_silent_ms(const struct bit_watch *w, uint32_t rank);
/** Its process is one of this machine. */
bool bit_watch_is_here(const struct bit_watch_rank *rank);
/** A heartbeat of it. */
void bit_watch_heard(struct bit_watch_rank *rank, const Bit__Heartbeat *m);
/**
 * Its process is silent, and so is its node, or there is no link to it: the kernel of a node that lives acknowledges
 * what it is sent, whatever its processes do.
 */
bool bit_watch_is_cut_off(const struct bit_job *job, uint32_t rank);
/** It said something else: that counts as well. */
void bit_watch_alive(struct bit_job *job, uint32_t rank);

/** A step was reported; the phase is another, and its first step may take its time. */
void bit_watch_step(struct bit_watch *w, double ms);
void bit_watch_switched(struct bit_watch *w);
/** An order other than a step went out after boundary `step`, and its report came back. */
void bit_watch_ordered(struct bit_watch *w, uint64_t step);
void bit_watch_reported(struct bit_watch *w, uint64_t step);
void bit_watch_forget_orders(struct bit_watch *w);
/** How long the next report may take. */
uint64_t bit_watch_limit_ms(const struct bit_job *job);

#endif
