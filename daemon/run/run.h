/*
 * What a run is: the sum of its journal. No I/O, no clock: a replay and the living daemon go through the same function,
 * so they cannot come to different ends.
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
#define BIT_RUN_RATE_STEPS  32  /* over which tokens/s is taken */
#define BIT_RUN_APPLIED_MAX 128 /* request ids remembered */
#define BIT_RUN_ASKED_MAX   16  /* checkpoints asked for and not yet written */
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

/* What a step's anomaly asks for and has not been done yet: a daemon that was killed in between does it later. */
struct bit_run_due {
    Bit__GuardAction action; /* REWIND or STOP; 0: nothing is due */
    int err;                 /* STOP: what the run ends with */
    uint64_t step;
    char text[192];
};

/* A client's mutation that has been journalled: asked again, it is answered and not applied. */
struct bit_run_applied {
    char request_id[BIT_REQUEST_ID_MAX + 1];
    uint64_t step, seq;
    bool cancelled; /* of a switch: none is planned any more */
};

struct bit_run_rate {
    double ms[BIT_RUN_RATE_STEPS];
    uint64_t tokens[BIT_RUN_RATE_STEPS];
    unsigned count; /* since the phase, or the launch, began */
};

#define BIT_RUN_SLURM_NOT_SUBMITTED "NOT_SUBMITTED" /* bitd's own word: Slurm does not take a job just now */

/* The Slurm job of a run that is launched by SBATCH. */
struct bit_run_slurm {
    uint64_t job; /* 0: none */
    char state[24], reason[BIT_RUN_REASON_MAX];
};

/* Every rank of the present launch said that it is done. */
struct bit_run_done {
    bool known;
    Bit__StopReason reason;
    uint64_t step, weights_digest;
};

/* The present launch of the run's ranks, or the last one. */
struct bit_run_launch {
    uint32_t attempt;   /* which launch it is since the run was last resumed */
    uint64_t epoch;     /* launches so far; what the worker's frames must carry */
    bool stood;         /* its worker was ready */
    unsigned failures;  /* launches in a row, up to this one, that were lost before their worker was ready */
    bool launched;      /* there may be processes: WorkerLaunched without an end after it */
    int32_t pid;        /* of the launcher */
    uint64_t pid_start; /* its start time, because numbers come again */
    char log[64];       /* below the run's folder */
    uint32_t ranks;     /* launched, where that is not the specification's number */
    char nodes[256];    /* that they are on, cut to size; empty: here */
    char restore[64];   /* the checkpoint it was to start from; empty: none */
    char backend[256];
    char products_anew[256]; /* why its products are not by its checkpoint's algorithms; empty: they are */
    struct bit_run_done done;
};

struct bit_run_evals {
    bool known;
    Bit__EvaluateReport last; /* its set points to `set` */
    char set[BIT_NAME_MAX + 1];
    struct bit_evaluations held_out;
    struct bit_task_results tasks;
    uint64_t step;  /* of the boundary that was last evaluated ... */
    uint64_t count; /* ... with so many reports; UINT64_MAX: with all that there can be */
    uint64_t parts; /* of tasks, among them */
    uint64_t made;  /* reports of the whole run */
};

struct bit_run_checkpoints {
    struct bit_run_checkpoint *list; /* by step, ascending */
    size_t count;
    unsigned failures; /* in a row */
    char error[160];
    Bit__CheckpointBad *set_aside;     /* the last that was not to be loaded, or NULL; owned */
    uint64_t asked[BIT_RUN_ASKED_MAX]; /* after these steps, by people */
    size_t asked_count;
};

struct bit_run {
    char id[BIT_RUN_ID_MAX];
    uint64_t number; /* r7 is 7 */
    Bit__RunSpec *spec;
    char request_id[BIT_REQUEST_ID_MAX + 1];
    /* drawn at submission, and in every manifest; empty: an earlier version's run */
    char identity[BIT_RUN_IDENTITY + 1];
    uint32_t uid;
    int32_t priority;       /* in the queue */
    struct bit_after after; /* what it waits for before it begins */
    char sweep[BIT_RUN_ID_MAX], label[BIT_LABEL_MAX + 1]; /* that it is a branch of; empty: none */
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

    uint64_t step, step_max; /* of the weights in memory; the furthest ever */
    Bit__Precision precision;
    bool has_last;
    Bit__StepReport last; /* split points to last_split */
    Bit__TimeSplit last_split;
    bool has_gpu;     /* of this launch: */
    Bit__GpuLoad gpu; /* the last that its ranks told */
    struct bit_totals totals;
    struct bit_run_rate rate;
    struct bit_history history;

    struct bit_switch_plan plan;
    bool switched; /* ever: the plan is history */
    uint64_t switched_after;

    struct bit_run_evals eval;
    struct bit_run_checkpoints checkpoints;

    unsigned restarts;
    unsigned fruitless; /* losses in a row of workers that were ready, without a step beyond the furthest, and without
                             * an evaluation, which is not made again */
    uint64_t step_max_lost;    /* the furthest step at the last loss */
    uint64_t evaluations_lost; /* eval.made at the last loss */
    struct bit_rerun rerun;
    uint64_t verified_step;
    Bit__ResumeVerified *verified; /* the last comparison, or NULL; owned */

    Bit__ForkOrigin *fork;              /* where it begins, or NULL; owned */
    struct bit_fork_peer *peer;         /* its parent's steps (run/fork_peer.h), or NULL; owned */
    Bit__ResumeVerified *fork_verified; /* how its steps compare with those, or NULL: not at the end yet; owned */

    Bit__RunResumed *resumed;    /* the last time that it was resumed from a checkpoint, or NULL; owned */
    uint64_t resumed_event;      /* its record */
    bool takes_other_data;       /* until its next step: token files that are not what they were were forced on it */
    uint64_t last_step_ns;       /* when the last report of a step was journalled */
    uint64_t chain;              /* of all steps up to `step` (proto/chain.h) */
    struct bit_machine *machine; /* what it ever ran on; facts name them by their place here; owned */
    size_t machine_count, machine_now;
    struct bit_rewinds rewinds;
    uint64_t skipped; /* steps without an update, since the last launch or before it */
    struct bit_run_due due;
    struct bit_run_seen seen[BIT_RUN_SEEN_MAX]; /* a ring */
    uint64_t seen_count;                        /* ever */
    struct bit_tags tags;
    struct bit_live_changes live; /* of `spec`, which is the last of all that there are */
    struct bit_changes *changes;  /* of settings, by people; NULL: none; owned */

    struct bit_run_applied *applied; /* a ring of BIT_RUN_APPLIED_MAX */
    size_t applied_count;
};

/** Takes ownership of spec. number names it: "r7". */
void bit_run_init(struct bit_run *run, uint64_t number, Bit__RunSpec *spec);
void bit_run_finish(struct bit_run *run);

/** What `bitctl resume --ranks` changes of a specification. */
void bit_run_set_ranks(Bit__RunSpec *spec, uint32_t ranks);
/** What `bitctl resume --steps` does; cosine_steps: 0 leaves it. */
void bit_run_set_steps(Bit__RunSpec *spec, uint64_t steps, uint64_t cosine_steps);
/** Forget what only a run that goes on needs: the exact results of its steps. Those of an ended run are read again from
 * its journal when it is resumed. */
void bit_run_rest(struct bit_run *run);

/** Apply one record. Errors: BIT_ECORRUPT for one that cannot follow; -ENOMEM. */
int bit_run_apply(struct bit_run *run, const Bit__JournalRecord *record);

bool bit_run_ended(const struct bit_run *run);
/** A state in which there is, or is about to be, a job. */
bool bit_run_active(const struct bit_run *run);
/** "training", for people. */
const char *bit_run_state_name(Bit__RunState state);
/** NULL if the request was not applied yet, or is forgotten. */
const struct bit_run_applied *bit_run_find_applied(const struct bit_run *run, const char *request_id);
/** Ranks of the present launch, or of the next one as it is asked for. */
uint32_t bit_run_ranks(const struct bit_run *run);
/** The newest durable checkpoint, or NULL. */
const struct bit_run_checkpoint *bit_run_newest(const struct bit_run *run);
const struct bit_run_checkpoint *bit_run_find_checkpoint(const struct bit_run *run, const char *name);
const struct bit_run_checkpoint *bit_run_checkpoint_at(const struct bit_run *run, uint64_t step);
bool bit_run_asked_at(const struct bit_run *run, uint64_t step);
/** After a loss: 1 s, doubled with each one after it that gained nothing, at most `most_ms`. */
uint64_t bit_run_backoff_ms(const struct bit_run *run, uint64_t most_ms);
/** Which batch a step trains on, in the order of the data, from 1. It is the step where nothing was rewound. */
uint64_t bit_run_position(const struct bit_run *run, uint64_t step);
/** Tokens a second over the last steps, and milliseconds of one; 0 when nothing is known. */
double bit_run_tokens_per_s(const struct bit_run *run);
double bit_run_step_ms(const struct bit_run *run);
/** What `bitctl wait` ends with for a run that failed with err. */
int bit_run_exit_code(int err);
/** No restart cures this: the same orders would end the same way. */
bool bit_run_is_fatal(int err);

#endif
