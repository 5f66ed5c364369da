/* Which algorithm computes each matrix product of a run on GPUs: found once, and kept, so that its bits repeat. */
#ifndef BIT_WORKER_PRODUCT_TABLE_H
#define BIT_WORKER_PRODUCT_TABLE_H

#include "proto/ckpt/product_set.h"
#include "worker/ranks/worker_state.h"

/**
 * Find the algorithm of every product of a training step (launch.search_products; never with launch.deterministic,
 * whose bits do not depend on a clock), in front of the first step, with weights in memory: a micro-batch of random
 * tokens goes through the model in each phase that is still to come. The checkpoint that it was restored from says it
 * first (w->products), then the run's own file, then bitd (the welcome); what none of them has is timed. Ranks with the
 * same card, driver and library have the table of the first of them. Afterwards w->products is what all of the run's
 * cards compute by, for the file and the checkpoints, and w->product_use where it comes from. Where the backend has no
 * choice, or it is not to be made, w->products stays what the checkpoint had, for launches that will have it.
 * Ownership   *found, rank 0's: what was timed now; the caller's to finish; NULL is fine
 * Collective  yes; one outcome for all ranks
 * Errors      an operator's; -ENOMEM. A file that cannot be read or kept is warned of.
 */
int bit_product_table_find(struct bit_worker *w, struct bit_product_set *found);

#endif
