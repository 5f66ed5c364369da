/*
 * A run that holds a slot: from choosing a checkpoint to the last process gone, over all of its relaunches.
 *
 *     CHOOSING ──► STARTING ──► TRAINING ◄──► DETACHED            each of them ──► ENDING ──► settled:
 *         ▲         launched     link, Ready    link lost                          processes are being ended
 *         └── WAITING (back-off) ◄────────────────────────────────────────────────────┘ or the slot is given back
 *
 * This file has the struct, and how a job ends. Above it are orders.c and reports.c, what goes to the worker and what
 * comes from it, done.c, the end of a launch that was told to stop, and control.c, what is asked from outside; then
 * nodes.c and launching.c, a launch, and life.c, one launch after the other; on top admit.c, who may take the link.
 * Below are watch.c and examine.c: which rank does not live, or does not move, and why.
 */
#ifndef BIT_DAEMON_JOB_H
#define BIT_DAEMON_JOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/feed/feed.h"
#include "daemon/job/examine.h"
#include "daemon/job/watch.h"
#include "daemon/launch/launch.h"
#include "daemon/launch/leftovers.h"
#include "daemon/launch/slurm_job.h"
#include "daemon/link/worker_link.h"
#include "daemon/run/guard.h"
#include "daemon/run/order_sequence.h"
#include "daemon/run/tally.h"
#include "daemon/store/runner.h"
#include "daemon/store/runs.h"
#include "daemon/sys/proc.h"

struct bit_job;

enum bit_job_phase {
    BIT_JOB_CHOOSING,
    BIT_JOB_STARTING,
    BIT_JOB_TRAINING,
    BIT_JOB_DETACHED,
    BIT_JOB_ENDING,
    BIT_JOB_WAITING,
};

/* Why a launch ended; the first cause stays. */
struct bit_job_cause {
    bool known;
    bool by_mpi; /* an MPI call failed, as it does when another rank is gone: the launcher may name that one */
    int err;     /* 0: nothing went wrong */
    bool has_rank;
    uint32_t rank;
    bool in_step; /* a rank failed by itself, at what it was doing: not a node, a link, a launcher or a time limit */
    char text[BIT_ERR_TEXT_MAX];
};

/* What all jobs share. */
struct bit_jobs {
    struct bit_runs *runs;
    struct bit_worker_link_listener *links;
    void (*stop_all)(void *owner, const char *why); /* bitd's own Slurm job ends, and bitd with it */
    /* Whether this bitd is not to launch the run as things are; r->withheld says why. */
    bool (*withhold)(void *owner, struct bit_runner *r);
    void *owner;
};

/* What the files below life.c tell it. */
struct bit_job_ops {
    void (*settle)(struct bit_job *job);                                  /* it is over, and nothing of it runs */
    void (*late)(struct bit_job *job);                                    /* its deadline is past */
    void (*silent)(struct bit_job *job, uint32_t rank);                   /* this rank's heartbeats are missed */
    void (*hung)(struct bit_job *job, int64_t suspect, const char *text); /* it was examined; suspect: -1 if none */
    void (*lost_link)(struct bit_job *job, int err);
};

struct bit_job {
    const struct bit_jobs *jobs;
    const struct bit_job_ops *ops;
    struct bit_runner *runner;
    enum bit_job_phase phase;
    struct bit_slurm_job *slurm_job;     /* the Slurm job that it is launched in; NULL with MPIRUN */
    void (*placed)(struct bit_job *job); /* when there are nodes */
    struct bit_places places;            /* its nodes of the present launch */
    struct bit_launch *launch;           /* NULL while there is none */
    bool launcher_ended;
    int64_t exit_status;
    int exit_signal;
    bool reaping;
    uint8_t secret[BIT_SECRET_BYTES];

    struct bit_worker_link *link; /* NULL while there is none */
    bool ready;                   /* the worker said where it is, and takes orders */
    bool stood;        /* it was ready at some time of this launch: what ended it is no fault of its beginning */
    bool reconnected;  /* it trained before this link: its reports may be repeats */
    uint64_t promised; /* how far orders may have gone out that this daemon does not know of */
    struct bit_order_sequence sequence;
    unsigned outstanding; /* orders without their report */
    char section[32];     /* what rank 0's last heartbeat said it is at */
    struct bit_watch watch;
    struct bit_examine examine;
    struct bit_leftovers leftovers;
    bool committing; /* a checkpoint gets its name, on the pool */
    bool tidying;    /* what the launch left of checkpoints is settled, on the pool */
    bool tidy;       /* it was */
    struct bit_guard guard;

    struct bit_feed *feed; /* NULL until it is first read from; only the thread pool touches it then */
    bool loading;
    atomic_bool stop_reading;    /* what is being read is not worth to be waited for */
    struct bit_payload *payload; /* loaded for payload_order, and not sent yet */
    struct bit_order payload_order;
    uint64_t payload_position;         /* of a step's batch: batches may have been left out since it was read */
    struct bit_task_requests requests; /* a score order's lengths, which go with it */

    uint64_t read_begin_ms;            /* on the loop's clock: since then it has been tried to read what is due next */
    char read_error[BIT_ERR_TEXT_MAX]; /* of the last try; empty: none failed */
    uv_timer_t read_retry;

    char retry[BIT_ERR_TEXT_MAX]; /* why it waits for its next launch, or is being launched again; empty: it is not */
    uint64_t failing_ms;          /* on the loop's clock: since then no launch came to be ready; 0: the last one did */

    char leaving[BIT_ERR_TEXT_MAX]; /* why it leaves although bitd stays; empty: it does not */

    struct bit_tally tally;      /* who said that he is done */
    Bit__StopReason stop_reason; /* of the StopOrder, if one is out */
    bool done;                   /* every rank said so, and the journal has it: run.launch.done */
    struct bit_job_cause cause;

    uv_timer_t deadline;         /* of the phase; while training, of the next report */
    uv_timer_t checkpoint_retry; /* after one that could not be written */
    int handles;
};

/** For life.c. NULL when memory ran out. */
struct bit_job *bit_job_create(const struct bit_jobs *jobs, const struct bit_job_ops *ops, struct bit_runner *r);
/** Nothing of it is left. Its memory goes when its handles are closed. */
void bit_job_destroy(struct bit_job *job);
/** Before the next launch. */
void bit_job_forget_launch(struct bit_job *job);

/** End it now, whatever it does. The first cause stays. */
void bit_job_end(struct bit_job *job, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/** End it, because a rank ended: which one and how is in the launcher's log. */
void bit_job_end_as_logged(struct bit_job *job);

/** Who its processes are tells what they will leave on this machine; to be called before they are ended. */
void bit_job_note_leftovers(struct bit_job *job, const struct bit_proc_job *processes);
void bit_job_remove_leftovers(struct bit_job *job);

/* Something that ran beside the loop is over; a job that waits to be settled may be gone after it. */
void bit_job_swept(void *job);
void bit_job_loaded(struct bit_job *job);
void bit_job_committed(struct bit_job *job);
void bit_job_launcher_ended(void *job, int64_t status, int signal);

/** Rank 0 was welcomed. */
void bit_job_connected(struct bit_job *job);
void bit_job_lost_link(struct bit_job *job, int err);
/** Read from the worker; or do not, while the journal takes nothing or a checkpoint gets its name. */
void bit_job_hold(struct bit_job *job);

void bit_job_set_deadline(struct bit_job *job, uint64_t ms);
/** (Re)start the watch for the next report. */
void bit_job_expect(struct bit_job *job);
/** How long that may take. */
uint64_t bit_job_limit_ms(const struct bit_job *job);
/** Seconds until its next launch; false if it does not wait for one. */
bool bit_job_waits_to_launch(const struct bit_job *job, double *s);
/** Some ranks have said that they are done, and the others are about to: the first that has not. */
bool bit_job_waits_for_rest(const struct bit_job *job, uint32_t *first);

/** It was told to stop, and not every rank has said that it did: the first that has not. */
static inline bool bit_job_awaits_done(const struct bit_job *job, uint32_t *first)
{
    uint32_t missing = bit_tally_missing(&job->tally, job->runner->run.step, job->stop_reason, first);

    return job->sequence.stopped && !job->done && missing > 0;
}

#endif
