/* What all ranks do next, as rank 0 broadcasts it: mostly an order of the daemon's, checked, in one fixed form. */
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
    BIT_ACTION_COMPLETE, /* complete a checkpoint that was written beside training; rank 0's own */
    BIT_ACTION_READY,    /* a daemon came back and is told our state; rank 0's own */
    BIT_ACTION_QUIT,     /* the daemon knows of every rank that it is done; or rank 0 cannot go on, because of `err` */
};

/* All ranks run one program on one kind of machine, so the bytes are the struct. */
struct bit_action {
    enum bit_action_kind kind;
    int err;                       /* QUIT */
    uint64_t step;                 /* STEP: to be done; else the boundary it belongs to */
    Bit__Precision precision;      /* STEP, EVALUATE, SCORE */
    int part;                      /* EVALUATE: a Bit__TernaryPart alone; 0: all of the precision */
    double strength;               /* STEP, CHECKPOINT */
    double lr, weight_decay;       /* STEP */
    int64_t instances;             /* STEP, EVALUATE */
    int64_t requests, ids;         /* SCORE: so many requests with so many ids altogether */
    uint64_t tag;                  /* SCORE */
    bool digest;                   /* STEP */
    bool replica;                  /* STEP: compare the ranks' copies of the weights */
    bool skip_nan;                 /* STEP: rather than fail */
    double loss_most, norm_most;   /* STEP: above them the update is left out; infinity: never */
    uint32_t token_crc;            /* STEP */
    bool tokens_ahead;             /* STEP: its batch was handed out under the step before */
    bool pre_switch;               /* CHECKPOINT */
    uint64_t next_batch;           /* CHECKPOINT */
    char name[BIT_NAME_MAX + 1];   /* CHECKPOINT: folder; EVALUATE: set */
    struct bit_phase_switch phase; /* SWITCH */
    Bit__StopReason reason;        /* STOP */
    char text[BIT_ERR_TEXT_MAX];   /* QUIT */
};

/**
 * From an order as it came. Checks what can be checked without knowing where training stands: counts against the plan
 * and the payload, numbers against their ranges, names against the file system.
 * Errors      BIT_EMESSAGE
 */
int bit_action_from_order(const struct bit_link_order *order, const struct bit_worker_plan *plan,
                          struct bit_action *out);

/**
 * Whether it may be executed after step `step` in this phase: a step must be the next one and of this phase, anything
 * else must belong to this boundary. Never train in the wrong phase.
 * Errors      BIT_EPHASE
 */
int bit_action_check(const struct bit_action *action, uint64_t step, const Bit__PhaseState *phase);

#endif
