/*
 * A run that holds a slot: from choosing a checkpoint until the last process is gone, over all of its launches.
 *
 *     CHOOSING ──► STARTING ──► TRAINING ◄──► DETACHED            each of them ──► ENDING ──► settled:
 *         ▲         launched     link, Ready    link lost                          processes are being ended
 *         └── WAITING (back-off) ◄────────────────────────────────────────────────────┘ or the slot is given back
 *
 * This file has the struct, and how a job ends. The files above it: orders.c with order_tokens.c, and reports.c
 * (messages to and from the worker), done.c (the end of a launch that was told to stop), control.c (requests from
 * outside); then nodes.c and launching.c (one launch) and life.c (one launch after the other); on top admit.c (who may
 * take the link). Below it are watch.c and examine.c: which rank is dead or hangs, and why.
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
#include "daemon/run/guard/guard.h"
#include "daemon/run/orders/order_sequence.h"
#include "daemon/run/ranks/tally.h"
#include "daemon/store/runs/runner.h"
#include "daemon/store/runs/runs.h"
#include "daemon/sys/processes/proc.h"

struct bit_job;

enum bit_job_phase {
    BIT_JOB_CHOOSING,
    BIT_JOB_STARTING,
    BIT_JOB_TRAINING,
    BIT_JOB_DETACHED,
    BIT_JOB_ENDING,
    BIT_JOB_WAITING,
};

/* Why a launch ended; only the first cause is kept. */
struct bit_job_cause {
    bool known;
    bool by_mpi; /* an MPI call failed, perhaps because another rank is gone: the launcher may name that one */
    int err;     /* 0: nothing went wrong */
    bool has_rank;
    uint32_t rank;
    bool in_step; /* a rank failed in its own work: not a node, a link, a launcher or a time limit */
    char text[BIT_ERR_TEXT_MAX];
};

/* Shared by all jobs. */
struct bit_jobs {
    struct bit_runs *runs;
    struct bit_worker_link_listener *links;
    void (*stop_all)(void *owner, const char *why); /* bitd's own Slurm job ends, and bitd with it */
    /* Whether this bitd must not launch the run at present; r->withheld says why. */
    bool (*withhold)(void *owner, struct bit_runner *r);
    void *owner;
};

/* Calls from the lower files to life.c. */
struct bit_job_ops {
    void (*settle)(struct bit_job *job);                                  /* it is over, and no process is left */
    void (*late)(struct bit_job *job);                                    /* its deadline has passed */
    void (*silent)(struct bit_job *job, uint32_t rank);                   /* this rank's heartbeats are missing */
    void (*hung)(struct bit_job *job, int64_t suspect, const char *text); /* it was examined; suspect: -1 if none */
    void (*lost_link)(struct bit_job *job, int err);
};

struct bit_job {
    const struct bit_jobs *jobs;
    const struct bit_job_ops *ops;
    struct bit_runner *runner;
    enum bit_job_phase phase;
    struct bit_slurm_job *slurm_job;     /* the Slurm job that its ranks run in; NULL with MPIRUN */
    void (*placed)(struct bit_job *job); /* called when there are nodes */
    struct bit_places places;            /* the nodes of the present launch */
    struct bit_launch *launch;           /* NULL while there is none */
    bool launcher_ended;
    int64_t exit_status;
    int exit_signal;
    bool reaping;
    uint8_t secret[BIT_SECRET_BYTES];

    struct bit_worker_link *link; /* NULL without a connection */
    bool ready;                   /* the worker reported its step and takes orders */
    bool stood;                   /* it was ready in this launch: its end is no failure to launch */
    bool reconnected;             /* it trained before this link: its reports may be repeats */
    uint64_t promised;            /* the last step that an earlier link or bitd may have ordered */
    struct bit_order_sequence sequence;
    unsigned outstanding; /* orders not reported yet */
    char section[32];     /* of rank 0's last heartbeat */
    struct bit_watch watch;
    struct bit_examine examine;
    struct bit_leftovers leftovers;
    bool committing; /* a checkpoint is being named, on the pool */
    bool tidying;    /* the launch's incomplete checkpoints are being settled, on the pool */
    bool tidy;       /* they are settled */
    struct bit_guard guard;

    struct bit_feed *feed; /* NULL until the first read; while loading, only the thread pool uses it */
    bool loading;
    atomic_bool stop_reading;    /* the present read is no longer needed */
    struct bit_payload *payload; /* read for payload_order, and not sent yet */
    struct bit_order payload_order;
    uint64_t payload_position;         /* of a step's batch: it changes if batches are left out meanwhile */
    struct bit_task_requests requests; /* the lengths of a score order */

    uint64_t read_begin_ms;            /* on the loop's clock: when reading what is due next was first tried */
    char read_error[BIT_ERR_TEXT_MAX]; /* of the last try; empty: no error */
    uv_timer_t read_retry;
    void (*tokens_ready)(struct bit_job *job); /* order_tokens: it is worth asking again */

    char retry[BIT_ERR_TEXT_MAX]; /* why it waits for its next launch or is being launched again; empty: neither */
    uint64_t failing_ms;          /* on the loop's clock: since when no launch has become ready; 0: the last one did */

    char leaving[BIT_ERR_TEXT_MAX]; /* why it gives its slot back although bitd stays; empty: it does not */

    struct bit_tally tally;      /* which ranks reported that they are done */
    Bit__StopReason stop_reason; /* of the StopOrder, if one was sent */
    bool done;                   /* every rank is done, and it is journalled: run.launch.done */
    struct bit_job_cause cause;

    uv_timer_t deadline;         /* of the phase; while training, of the next report */
    uv_timer_t checkpoint_retry; /* after a checkpoint failed */
    int handles;
};

/** For life.c. NULL: no memory. */
struct bit_job *bit_job_create(const struct bit_jobs *jobs, const struct bit_job_ops *ops, struct bit_runner *r);
/** Call when nothing of it is left. Its memory is freed once its handles are closed. */
void bit_job_destroy(struct bit_job *job);
/** Reset it before the next launch. */
void bit_job_forget_launch(struct bit_job *job);

/** End it now, in any phase. Only the first cause is kept. */
void bit_job_end(struct bit_job *job, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/** End it because a rank ended: the launcher's log says which one and how. */
void bit_job_end_as_logged(struct bit_job *job);

/** Note what its processes will leave on this machine; call it before they are ended. */
void bit_job_note_leftovers(struct bit_job *job, const struct bit_proc_job *processes);
void bit_job_remove_leftovers(struct bit_job *job);

/* Asynchronous work has finished; a job that waits to be settled may be gone afterwards. */
void bit_job_swept(void *job);
void bit_job_loaded(struct bit_job *job);
void bit_job_committed(struct bit_job *job);
void bit_job_launcher_ended(void *job, int64_t status, int signal);

/** Rank 0 was welcomed. */
void bit_job_connected(struct bit_job *job);
void bit_job_lost_link(struct bit_job *job, int err);
/** Read from the worker, or stop reading while the journal is blocked or a checkpoint is being named. */
void bit_job_hold(struct bit_job *job);

void bit_job_set_deadline(struct bit_job *job, uint64_t ms);
/** (Re)start the deadline of the next report. */
void bit_job_expect(struct bit_job *job);
/** How long the next report may take. */
uint64_t bit_job_limit_ms(const struct bit_job *job);
/** Seconds until its next launch; false if it does not wait for one. */
bool bit_job_waits_to_launch(const struct bit_job *job, double *s);
/** Whether some ranks are done while others are not; *first: the first of those. */
bool bit_job_waits_for_rest(const struct bit_job *job, uint32_t *first);

/** Whether it was told to stop and not every rank has reported that it is done; *first: the first that has not. */
static inline bool bit_job_awaits_done(const struct bit_job *job, uint32_t *first)
{
    uint32_t missing = bit_tally_missing(&job->tally, job->runner->run.step, job->stop_reason, first);

    return job->sequence.stopped && !job->done && missing > 0;
}

#endif
