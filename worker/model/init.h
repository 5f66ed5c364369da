/* Initial weights. Each element depends on the seed and its index only. */
#ifndef BIT_WORKER_INIT_H
#define BIT_WORKER_INIT_H

#include "worker/model/plan.h"

/** Standard deviation of the initial values of tensor `index`. */
double bit_init_std(const struct bit_worker_plan *plan, int index);

/**
 * Write the initial values of the flat range [begin, end) to master (end - begin).
 * Each is a normal value truncated at three standard deviations, drawn from the element's own stream (Philox 4x32-10,
 * keyed by init_seed, counted by the element's index), so they do not depend on how the vector is sharded.
 * Source      MITCHELL: OLMo's init (olmo/initialization.py): wte, att_proj, ff_proj 1/sqrt(D); attn_out 1/sqrt(2 D
 *             (l+1)); ff_out 1/sqrt(2 F (l+1)). NORMAL: init_std everywhere. Not torch's random stream.
 */
void bit_init_range(const struct bit_worker_plan *plan, int64_t begin, int64_t end, float *master);

#endif
