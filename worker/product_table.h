/* Which algorithm computes each matrix product of a run on GPUs: found once, and kept, so that its bits repeat. */
#ifndef BIT_WORKER_PRODUCT_TABLE_H
#define BIT_WORKER_PRODUCT_TABLE_H

#include "worker/ranks/worker_state.h"

#define BIT_PRODUCT_TABLE_FILE "products" /* in the run's folder of checkpoints */

/**
 * Take the table that this run keeps, else the one of the checkpoint it was restored from; time what is not in it
 * (launch.search_products; never with launch.deterministic, whose bits do not depend on a clock), rank 0's table being
 * that of all; and keep the whole. In front of the first step, with weights in memory: a micro-batch of random tokens
 * goes through the model in each phase that is still to come. Nothing where the backend has no choice.
 * Collective  yes; one outcome for all ranks
 * Errors      an operator's. A table that cannot be read or kept is warned of.
 */
int bit_product_table_find(struct bit_worker *w);

#endif
