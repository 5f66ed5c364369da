/* Which algorithm computes each matrix product of a run on GPUs: found once, and kept, so that its bits repeat. */
#ifndef BIT_WORKER_PRODUCT_TABLE_H
#define BIT_WORKER_PRODUCT_TABLE_H

#include "proto/ckpt/product_set.h"
#include "worker/ranks/worker_state.h"

/**
 * Find the algorithm of every matrix product of a training step (launch.search_products; never with
 * launch.deterministic, whose bits must not depend on a clock), before the first step and with weights in memory: a
 * micro-batch of random tokens goes through the model in each phase that is still to come. The first source that has a
 * product decides: the restored checkpoint (w->products), the run's own file, bitd (the welcome). What none of them has
 * is timed. Ranks with the same card, driver and library use the table of the first such rank. Afterwards w->products
 * holds the tables of all of the run's cards, for the file and the checkpoints, and w->product_use their sources. If
 * the backend has no choice, or the search is off, w->products stays what the checkpoint had, for later launches with
 * the search on.
 * Ownership   *found, on rank 0: what was timed now; the caller finishes it; may be NULL
 * Collective  yes; one outcome for all ranks
 * Errors      an operator's; -ENOMEM. A file that cannot be read or written only causes a warning.
 */
int bit_product_table_find(struct bit_worker *w, struct bit_product_set *found);

#endif
