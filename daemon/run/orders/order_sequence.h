/*
 * Which order a worker gets next. Pure: computed from the run and from the orders that its worker already has.
 *
 * Orders go out boundary by boundary. After step s, in this order: the held-out sets that are due; a checkpoint if one
 * is due; the tasks, which take minutes and begin while the checkpoint is written; the phase switch if it is planned
 * here; then either the stop or the order for step s + 1. Only a few parts of tasks are in flight at once, and after a
 * pause the rest follows when the run goes on. Nothing of a boundary is sent before step s + 1 may be, so that a switch
 * can be moved until the last moment.
 */
#ifndef BIT_DAEMON_ORDER_SEQUENCE_H
#define BIT_DAEMON_ORDER_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/run/orders/task_orders.h"
#include "daemon/run/run.h"

struct bit_order_sequence {
    uint64_t sent;            /* the last step ordered, or the one the worker began from: the current boundary */
    Bit__Precision precision; /* the worker's phase once it has carried out all orders sent */
    uint64_t evaluated;       /* evaluations of sets and parts of tasks ordered at this boundary */
    bool checkpoint_ordered;  /* at this boundary */
    bool checkpoint_done;     /* and durable */
    bool stopped;             /* a StopOrder was sent: nothing follows */
    bool shutdown;            /* the daemon is going down */
};

enum bit_order_kind {
    BIT_ORDER_NONE, /* nothing may be sent before the next report */
    BIT_ORDER_EVALUATE,
    BIT_ORDER_SCORE,
    BIT_ORDER_CHECKPOINT,
    BIT_ORDER_SWITCH,
    BIT_ORDER_STEP,
    BIT_ORDER_STOP,
};

struct bit_order {
    enum bit_order_kind kind;
    uint64_t step;              /* STEP: the step to do; otherwise the boundary */
    size_t set;                 /* EVALUATE */
    uint64_t part_index;        /* SCORE: index among the parts of its precision (daemon/run/orders/task_orders.h) */
    struct bit_task_order part; /* SCORE */
    Bit__Precision precision;   /* EVALUATE, SCORE */
    int ternary_part;           /* EVALUATE: this Bit__TernaryPart alone; 0: all of the precision */
    bool pre_switch;            /* CHECKPOINT */
    Bit__StopReason reason;     /* STOP */
};

/** Begin after step `step`, in the phase `precision`, both as the worker reported them. */
void bit_order_sequence_init(struct bit_order_sequence *c, const struct bit_run *run, uint64_t step,
                             Bit__Precision precision);
/** The next order; at most `lookahead` steps are ordered beyond the last report. */
struct bit_order bit_order_sequence_next(const struct bit_order_sequence *c, const struct bit_run *run,
                                         unsigned lookahead);
/** The order was sent. */
void bit_order_sequence_advance(struct bit_order_sequence *c, const struct bit_run *run, const struct bit_order *order);
/** Whether the sets, or the tasks, are evaluated after this step, which is not the last. */
bool bit_order_sequence_sets_at(const Bit__RunSpec *spec, uint64_t step);
bool bit_order_sequence_tasks_at(const Bit__RunSpec *spec, uint64_t step);
/** The worker reported a checkpoint; one that failed at the current boundary is ordered again after a `retry`. */
void bit_order_sequence_checkpointed(struct bit_order_sequence *c, uint64_t step, bool ok);
void bit_order_sequence_retry_checkpoint(struct bit_order_sequence *c);
/**
 * The earliest at_step that contradicts no order sent: the switch may come after that step or later.
 * c may be NULL if there is no worker to ask; `promised` is then the last step that may have been ordered.
 */
uint64_t bit_order_sequence_earliest_switch(const struct bit_order_sequence *c, const struct bit_run *run,
                                            uint64_t promised);
/** The phase that weights of step `step` must be in. *either: it is the step of the switch, so both are possible. */
Bit__Precision bit_order_sequence_expected_precision(const struct bit_run *run, uint64_t step, bool *either);

#endif
