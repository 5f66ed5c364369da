/*
 * A run that holds a slot: from choosing a checkpoint to the last process gone, over all of its relaunches.
 *
 *     CHOOSING ──► STARTING ──► TRAINING ◄──► DETACHED            each of them ──► ENDING ──► settled:
 *         ▲         launched     link, Ready    link lost                          processes are being ended
 *         └── WAITING (back-off) ◄────────────────────────────────────────────────────┘ or the slot is given back
 *
 * job.c has this life cycle, nodes.c the nodes, admit.c who may take its link, orders.c what goes to the worker,
 * reports.c what comes from it, done.c its end; watch.c and examine.c find out when it does not live or does not move,
 * and why.
 */
#ifndef BIT_DAEMON_JOB_H
#define BIT_DAEMON_JOB_H

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
#include "daemon/run/course.h"
#include "daemon/run/guard.h"
#include "daemon/run/tally.h"
#include "daemon/store/runner.h"
#include "daemon/store/runs.h"

enum bit_job_phase {
    BIT_JOB_CHOOSING,
    BIT_JOB_STARTING,
    BIT_JOB_TRAINING,
    BIT_JOB_DETACHED,
    BIT_JOB_ENDING,
    BIT_JOB_WAITING,
};

/* Why an incarnation ended; the first cause stays. */
struct bit_job_cause {
    bool known;
    bool by_mpi; /* an MPI call failed, as it does when another rank is gone: the launcher may name that one */
    int err;     /* 0: nothing went wrong */
    bool has_rank;
    uint32_t rank;
    char text[BIT_ERR_TEXT_MAX];
};

/* What all jobs share. */
struct bit_jobs {
    struct bit_runs *runs;
    const struct bit_worker_link_listener *links;
    void (*stop_all)(void *owner, const char *why); /* bitd's own Slurm job ends, and bitd with it */
    void *owner;
};

struct bit_job {
    const struct bit_jobs *jobs;
    struct bit_runner *runner;
    enum bit_job_phase phase;
    struct bit_slurm_job *slurm_job; /* the Slurm job that it is launched in; NULL with MPIRUN */
    struct bit_places places;        /* its nodes of the present launch */
    struct bit_launch *launch;       /* NULL while there is none */
    bool launcher_ended;
    int64_t exit_status;
    int exit_signal;
    bool sweeping, settle_when_idle;
    uint8_t secret[BIT_SECRET_BYTES];

    struct bit_worker_link *link; /* NULL while there is none */
    bool ready;                   /* the worker said where it is, and takes orders */
    bool stood;        /* it was ready at some time of this launch: what ended it is no fault of its beginning */
    bool reconnected;  /* it trained before this link: its reports may be repeats */
    uint64_t promised; /* how far orders may have gone out that this daemon does not know of */
    struct bit_course course;
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
    struct bit_load *load;       /* on the pool */
    struct bit_payload *payload; /* loaded for payload_order, and not sent yet */
    struct bit_order payload_order;

    uint64_t read_begin_ms;            /* on the loop's clock: since then it has been tried to read what is due next */
    char read_error[BIT_ERR_TEXT_MAX]; /* of the last try; empty: none failed */
    uv_timer_t read_retry;

    char leaving[BIT_ERR_TEXT_MAX]; /* why it leaves although bitd stays; empty: it does not */

    struct bit_tally tally;      /* who said that he is done */
    Bit__StopReason stop_reason; /* of the StopOrder, if one is out */
    bool done;                   /* every rank said so, and the journal has it: run.done */
    struct bit_job_cause cause;

    uv_timer_t deadline;         /* of the phase; while training, of the next report */
    uv_timer_t checkpoint_retry; /* after one that could not be written */
    int handles;
};

/** Take the slot and begin: choose a checkpoint, launch. The run is queued. */
int bit_job_start(const struct bit_jobs *jobs, struct bit_runner *r);
/** After a restart of the daemon: go on with processes that may or may not still be there. */
int bit_job_resume(const struct bit_jobs *jobs, struct bit_runner *r);
/** The run's state or plan changed: pausing, cancelling, a moved switch, a checkpoint asked for. */
void bit_job_changed(struct bit_job *job);
/** The daemon goes down: last checkpoint, stop; what cannot is ended. */
void bit_job_shutdown(struct bit_job *job);
/** End it now, whatever it does. */
void bit_job_end(struct bit_job *job, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/** Take a last checkpoint and give the slot back; the run is queued again. For a reason of the world's, as `why` says.
 */
void bit_job_leave(struct bit_job *job, const char *why);
/** End it, because a rank ended: which one and how is in the launcher's words. */
void bit_job_end_blaming(struct bit_job *job);
void bit_job_blocked(struct bit_job *job);
void bit_job_unblocked(struct bit_job *job);
/** The earliest step behind which the switch may still be planned. */
uint64_t bit_job_earliest_switch(const struct bit_job *job);
/** The worker waits for tokens: why, into text. false if it does not. */
bool bit_job_waits_for_data(const struct bit_job *job, char *text, size_t room);
/** The boundary at which a checkpoint ordered now would be taken. */
uint64_t bit_job_boundary(const struct bit_job *job);

/* between job.c, orders.c and reports.c */
void bit_job_choose(struct bit_job *job);   /* job.c: a checkpoint, and launch */
void bit_job_allocate(struct bit_job *job); /* nodes.c: get nodes, then choose */
/** Slurm sent this rank a signal that tells it to end. */
void bit_job_told(struct bit_job *job, uint32_t rank, int signal);
/** Leave a node out of the next launch. Errors: -ENOENT if it is none of the job's. */
int bit_job_lose_node(struct bit_job *job, const char *host);
void bit_job_pump(struct bit_job *job);                                      /* orders.c: send what may be sent */
void bit_job_loaded(struct bit_job *job);                                    /* job.c: the pool gave it back */
void bit_job_commit_ended(struct bit_job *job);                              /* job.c: the same */
void bit_job_committed(struct bit_job *job, const Bit__CheckpointReport *m); /* reports.c */
void bit_job_connected(struct bit_job *job);                                 /* job.c: rank 0 was welcomed */
void bit_job_hold(struct bit_job *job);               /* job.c: read from the worker, or do not */
void bit_job_expect(struct bit_job *job);             /* job.c: (re)start the watch for a report */
void bit_job_lost_link(struct bit_job *job, int err); /* job.c */
/** Rank `rank` says that it is done. */
void bit_job_done(struct bit_job *job, uint32_t rank, const Bit__WorkerDone *m); /* done.c */
/** It was told to stop, and not every rank has said that it did: the first that has not. */
bool bit_job_awaits_done(const struct bit_job *job, uint32_t *first); /* done.c */
/** The ranks may leave, if their end is on disk. */
void bit_job_release(struct bit_job *job);                                            /* done.c */
void bit_job_report(struct bit_job *job, uint16_t type, const ProtobufCMessage *msg); /* reports.c */
void bit_job_failed(struct bit_job *job, uint32_t rank, const Bit__WorkerFailed *m);  /* reports.c */
/** lost.c: a launch was lost: into the journal, with its cause, which is job->cause.text from then on. */
void bit_job_record_lost(struct bit_job *job);

/** What the link listener calls, for all jobs: its argument is the struct bit_jobs. */
extern const struct bit_worker_link_ops bit_job_link_ops;

#endif
