/*
 * Detects silent corruption. Every rank multiplies with a copy of the same published weights, so the copies' digests
 * agree unless memory or a bus has changed one. They are compared between a step's gradients and its update, so that a
 * wrong copy never reaches the weights. If they differ, the weights are published again from the master: the rank whose
 * digest changes had the wrong copy, even if there are only two ranks. Then the step's gradients are computed again. A
 * rank's own part of the master and of the moments has no copy to compare it with.
 */
#ifndef BIT_WORKER_REPLICA_H
#define BIT_WORKER_REPLICA_H

#include <stdbool.h>
#include <stdint.h>

struct bit_worker;
struct bit_action;
struct bit_inspection;

/**
 * Compare the copies; if they differ, publish again and name the odd rank in `in`. *again is set if the step's
 * gradients must be computed again. Collective. Errors: an operator's, on all ranks.
 */
int bit_replica_compare(struct bit_worker *worker, const struct bit_action *action, bool *again,
                        struct bit_inspection *in);

#endif
