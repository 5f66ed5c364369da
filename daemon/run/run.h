/*
 * A run's state, computed from its journal by run_apply. No I/O, no clock: a replay and the running daemon apply
 * records with the same function, so they come to the same state.
 */
#ifndef BIT_DAEMON_RUN_H
#define BIT_DAEMON_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/run/after.h"
#include "daemon/run/changes.h"
#include "daemon/run/history.h"
#include "daemon/run/live_changes.h"
#include "daemon/run/rerun.h"
#include "daemon/run/rewind.h"
#include "daemon/run/tags.h"
#include "daemon/run/task_results.h"
#include "daemon/run/totals.h"
#include "proto/bit.pb-c.h"
#include "proto/evaluations.h"
#include "proto/limits.h"
#include "proto/spec/schedule.h"

#define BIT_RUN_REASON_MAX  BIT_ERR_TEXT_MAX
#define BIT_RUN_RATE_STEPS  32  /* over which tokens/s is averaged */
#define BIT_RUN_APPLIED_MAX 128 /* request ids remembered */
#define BIT_RUN_ASKED_MAX   16  /* checkpoints asked for and not written yet */
#define BIT_RUN_IDENTITY    32  /* hex digits */

/* A durable checkpoint. */
struct bit_run_checkpoint {
    char name[32];
    uint64_t step, bytes, time_ns, weights_digest;
    bool has_weights, has_moments;
    uint64_t moments_digest;
    Bit__Precision precision;
    bool pinned; /* stays until somebody unpins it */
};

struct bit_fork_peer;

/* Something that was wrong with a step. */
struct bit_run_seen {
    uint64_t step, time_ns;
    Bit__Anomaly what; /* its texts are the next two */
    char place[BIT_NAME_MAX], text[192];
};
#define BIT_RUN_SEEN_MAX 16

/* An action that a step's anomaly asks for and that is not done yet. A daemon that is killed first does it when
 * restarted. */
struct bit_run_due {
    Bit__GuardAction action; /* REWIND or STOP; 0: nothing is due */
    int err;                 /* STOP: what the run ends with */
    uint64_t step;
    char text[192];
};

/* A client's mutation that is in the journal: a request with the same id is answered, not applied again. */
struct bit_run_applied {
    char request_id[BIT_REQUEST_ID_MAX + 1];
    uint64_t step, seq;
    bool cancelled; /* for a switch: it was cancelled */
};

struct bit_run_rate {
    double ms[BIT_RUN_RATE_STEPS];
    uint64_t tokens[BIT_RUN_RATE_STEPS];
    unsigned count; /* since the phase, or the launch, began */
};

#define BIT_RUN_SLURM_NOT_SUBMITTED "NOT_SUBMITTED" /* bitd's own state: sbatch does not accept the job just now */

/* The Slurm job of a run that is launched by SBATCH. */
struct bit_run_slurm {
    uint64_t job; /* 0: none */
    char state[24], reason[BIT_RUN_REASON_MAX];
};

/* Whether every rank of the present launch has reported that it is done. */
struct bit_run_done {
    bool known;
    Bit__StopReason reason;
    uint64_t step, weights_digest;
};

/* The present launch of the run's ranks, or the last one. */
struct bit_run_launch {
    uint32_t attempt;   /* number of this launch since the run was last resumed */
    uint64_t epoch;     /* launches so far; the worker's frames must carry it */
    bool stood;         /* its worker was ready */
    unsigned failures;  /* consecutive launches, up to this one, that were lost before their worker was ready */
    bool launched;      /* processes may exist: a WorkerLaunched without an end after it */
    int32_t pid;        /* of the launcher */
    uint64_t pid_start; /* its start time, because pids are reused */
    char log[64];       /* relative to the run's folder */
    uint32_t ranks;     /* as launched, if not as specified; 0: as specified */
    char nodes[256];    /* where they run, abbreviated; empty: this machine */
    char restore[64];   /* the checkpoint to start from; empty: none */
    char backend[256];
    char products_anew[256]; /* why it does not use its checkpoint's algorithms of matrix products; empty: it does */
    struct bit_run_done done;
};

struct bit_run_evals {
    bool known;
    Bit__EvaluateReport last; /* its set points to `set` */
    char set[BIT_NAME_MAX + 1];
    struct bit_evaluations held_out;
    struct bit_task_results tasks;
    uint64_t step;  /* the boundary last evaluated ... */
    uint64_t count; /* ... and the reports of it; UINT64_MAX: no more are needed */
    uint64_t parts; /* those of them that are of tasks */
    uint64_t made;  /* reports of the whole run */
};

struct bit_run_checkpoints {
    struct bit_run_checkpoint *list; /* by step, ascending */
    size_t count;
    unsigned failures; /* in a row */
    char error[160];
    Bit__CheckpointBad *set_aside;     /* the last one found unusable, or NULL; owned */
    uint64_t asked[BIT_RUN_ASKED_MAX]; /* after these steps, by users */
    size_t asked_count;
};

struct bit_run {
    char id[BIT_RUN_ID_MAX];
    uint64_t number; /* r7 is 7 */
    Bit__RunSpec *spec;
    char request_id[BIT_REQUEST_ID_MAX + 1];
    /* random, drawn at submission and written to every manifest; empty: a run of an earlier version */
    char identity[BIT_RUN_IDENTITY + 1];
    uint32_t uid;
    int32_t priority;                                     /* in the queue */
    struct bit_after after;                               /* runs that it waits for before it begins */
    char sweep[BIT_RUN_ID_MAX], label[BIT_LABEL_MAX + 1]; /* the sweep that it is a branch of; empty: none */
    uint32_t branch;

    Bit__RunState state;
    char reason[BIT_RUN_REASON_MAX];
    int exit_code; /* of an ended run */
    bool has_digest;
    uint64_t weights_digest; /* at the end */
    uint64_t created_ns, started_ns, ended_ns;
    uint64_t seq; /* of the last record applied */

    struct bit_run_launch launch;
    struct bit_run_slurm slurm;

    uint64_t step, step_max; /* of the weights in memory; the furthest so far */
    Bit__Precision precision;
    bool has_last;
    Bit__StepReport last; /* split points to last_split */
    Bit__TimeSplit last_split;
    bool has_gpu;     /* in this launch: */
    Bit__GpuLoad gpu; /* the last report of its ranks */
    struct bit_totals totals;
    struct bit_run_rate rate;
    struct bit_history history;

    struct bit_switch_plan plan;
    bool switched; /* done, and not undone by a rewind */
    uint64_t switched_after;

    struct bit_run_evals eval;
    struct bit_run_checkpoints checkpoints;

    unsigned restarts;
    unsigned fruitless;        /* consecutive losses of ready workers without a new furthest step or an evaluation */
    uint64_t step_max_lost;    /* the furthest step at the last loss */
    uint64_t evaluations_lost; /* eval.made at the last loss */
    struct bit_rerun rerun;
    uint64_t verified_step;
    Bit__ResumeVerified *verified; /* the last comparison, or NULL; owned */

    Bit__ForkOrigin *fork;              /* where it begins, if it is a fork, or NULL; owned */
    struct bit_fork_peer *peer;         /* its parent's steps (run/fork_peer.h), or NULL; owned */
    Bit__ResumeVerified *fork_verified; /* how its steps compare with those; NULL until that is finished; owned */

    Bit__RunResumed *resumed;    /* the last resume from a checkpoint, or NULL; owned */
    uint64_t resumed_event;      /* its record */
    bool takes_other_data;       /* until its next step: changed token files are accepted (resume --force) */
    uint64_t last_step_ns;       /* when the last report of a step was journalled */
    uint64_t chain;              /* of all steps up to `step` (proto/chain.h) */
    struct bit_machine *machine; /* all that it ever ran on; facts name them by index; owned */
    size_t machine_count, machine_now;
    struct bit_rewinds rewinds;
    uint64_t skipped; /* steps without an update, over all launches */
    struct bit_run_due due;
    struct bit_run_seen seen[BIT_RUN_SEEN_MAX]; /* a ring */
    uint64_t seen_count;                        /* of all so far */
    struct bit_tags tags;
    struct bit_live_changes live; /* earlier specifications; `spec` is the latest */
    struct bit_changes *changes;  /* of settings, by users; NULL: none; owned */

    struct bit_run_applied *applied; /* a ring of BIT_RUN_APPLIED_MAX */
    size_t applied_count;
};

/** Takes ownership of spec. number gives the id: "r7". */
void bit_run_init(struct bit_run *run, uint64_t number, Bit__RunSpec *spec);
void bit_run_finish(struct bit_run *run);

/** What `bitctl resume --ranks` changes in a specification. */
void bit_run_set_ranks(Bit__RunSpec *spec, uint32_t ranks);
/** What `bitctl resume --steps` changes in it; cosine_steps: 0 leaves that unchanged. */
void bit_run_set_steps(Bit__RunSpec *spec, uint64_t steps, uint64_t cosine_steps);
/**
 * Forget the exact results of its steps, which only a run that goes on needs. If an ended run is resumed, they are read
 * again from its journal.
 */
void bit_run_rest(struct bit_run *run);

/** Remember that the record which is being applied answers this request. Errors: -ENOMEM. */
int bit_run_note_applied(struct bit_run *run, const char *request_id, uint64_t step, bool cancelled);

bool bit_run_ended(const struct bit_run *run);
/** In a state in which a job exists or is about to. */
bool bit_run_active(const struct bit_run *run);
/** "training", for people. */
const char *bit_run_state_name(Bit__RunState state);
/** NULL if the request was not applied, or is forgotten. */
const struct bit_run_applied *bit_run_find_applied(const struct bit_run *run, const char *request_id);
/** Ranks of the present launch, or else those that the next one asks for. */
uint32_t bit_run_ranks(const struct bit_run *run);
/** The newest durable checkpoint, or NULL. */
const struct bit_run_checkpoint *bit_run_newest(const struct bit_run *run);
const struct bit_run_checkpoint *bit_run_find_checkpoint(const struct bit_run *run, const char *name);
const struct bit_run_checkpoint *bit_run_checkpoint_at(const struct bit_run *run, uint64_t step);
bool bit_run_asked_at(const struct bit_run *run, uint64_t step);
/** Wait after a loss: 1 s, doubled with each further one that gained nothing, at most `most_ms`. */
uint64_t bit_run_backoff_ms(const struct bit_run *run, uint64_t most_ms);
/** The batch that a step trains on: its number in the order of the data, from 1. Without rewinds it is the step. */
uint64_t bit_run_position(const struct bit_run *run, uint64_t step);
/** Tokens per second over the last steps, and milliseconds per step; 0 if unknown. */
double bit_run_tokens_per_s(const struct bit_run *run);
double bit_run_step_ms(const struct bit_run *run);
/** The exit code of `bitctl wait` for a run that failed with err. */
int bit_run_exit_code(int err);
/** Whether a restart cannot help: the same orders would fail the same way. */
bool bit_run_is_fatal(int err);

#endif
