/*
 * Silent corruption: every rank multiplies with a copy of the same published weights, so their digests agree, or memory
 * or a bus has changed one. Looked at between a step's gradients and its update, so that nothing is learnt from a wrong
 * copy: the weights are published again from the master, which tells which rank's copy was the odd one even of two, and
 * the step is done again. What each rank owns alone (its part of the master and of the moments) has no copy to compare.
 */
#ifndef BIT_WORKER_REPLICA_H
#define BIT_WORKER_REPLICA_H

#include <stdbool.h>
#include <stdint.h>

struct bit_worker;
struct bit_action;
struct bit_inspection;

/**
 * Compare; where copies differ, publish again and name the odd rank in `in`. *again is set where the step's gradients
 * must be computed anew. Collective. Errors: an operator's, on all ranks.
 */
int bit_replica_compare(struct bit_worker *worker, const struct bit_action *action, bool *again,
                        struct bit_inspection *in);

#endif
