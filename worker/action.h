/* What all ranks do next, as rank 0 broadcasts it: usually an order from the daemon, checked, in one fixed-size
 * struct. */
#ifndef BIT_WORKER_ACTION_H
#define BIT_WORKER_ACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/limits.h"
#include "worker/link/link.h"
#include "worker/model/plan.h"
#include "worker/phase.h"

enum bit_action_kind {
    BIT_ACTION_STEP,
    BIT_ACTION_SWITCH,
    BIT_ACTION_CHECKPOINT,
    BIT_ACTION_EVALUATE,
    BIT_ACTION_SCORE,
    BIT_ACTION_STOP,
    BIT_ACTION_COMPLETE, /* complete a checkpoint that was written beside training; rank 0 decides this itself */
    BIT_ACTION_READY,    /* a daemon came back: send it our state; rank 0 decides this itself */
    BIT_ACTION_QUIT,     /* the daemon knows that every rank is done; or rank 0 cannot go on, because of `err` */
};

/* All ranks run one program on one kind of machine, so the struct is broadcast byte for byte. */
struct bit_action {
    enum bit_action_kind kind;
    int err;                       /* QUIT */
    uint64_t step;                 /* STEP: the step to do; otherwise the boundary that the action belongs to */
    Bit__Precision precision;      /* STEP, EVALUATE, SCORE */
    int part;                      /* EVALUATE: only this Bit__TernaryPart; 0: the whole precision */
    double strength;               /* STEP, CHECKPOINT */
    double lr, weight_decay;       /* STEP */
    int64_t instances;             /* STEP, EVALUATE */
    int64_t requests, ids;         /* SCORE: number of requests, and of their ids altogether */
    uint64_t tag;                  /* SCORE */
    bool digest;                   /* STEP */
    bool replica;                  /* STEP: compare the ranks' copies of the weights */
    bool skip_nan;                 /* STEP: skip the update on NaN or infinity instead of failing */
    double loss_most, norm_most;   /* STEP: above these the update is skipped; infinity: no bound */
    uint32_t token_crc;            /* STEP */
    bool tokens_ahead;             /* STEP: its batch was distributed during the previous step */
    bool pre_switch;               /* CHECKPOINT */
    uint64_t next_batch;           /* CHECKPOINT */
    char name[BIT_NAME_MAX + 1];   /* CHECKPOINT: name of the folder; EVALUATE: of the set */
    struct bit_phase_switch phase; /* SWITCH */
    Bit__StopReason reason;        /* STOP */
    char text[BIT_ERR_TEXT_MAX];   /* QUIT */
};

/**
 * Make an action from a received order. Checks what can be checked without knowing where training stands: counts
 * against the plan and the payload, numbers against their ranges, names as file names.
 * Errors      BIT_EMESSAGE
 */
int bit_action_from_order(const struct bit_link_order *order, const struct bit_worker_plan *plan,
                          struct bit_action *out);

/**
 * Check that the action may be executed after step `step` in this phase: a step must be the next one and of this phase;
 * a switch, checkpoint, evaluation or scoring must belong to this boundary.
 * Errors      BIT_EPHASE
 */
int bit_action_check(const struct bit_action *action, uint64_t step, const Bit__PhaseState *phase);

#endif
