/* Initial weights, element by element. */
#ifndef BIT_WORKER_INIT_H
#define BIT_WORKER_INIT_H

#include "worker/model/plan.h"

/** The standard deviation that tensor `index` starts with. */
double bit_init_std(const struct bit_worker_plan *plan, int index);

/**
 * The initial values of the flat range [begin, end) into master (end - begin).
 * Each is a normal value cut at three standard deviations, drawn from a stream of its own (Philox 4x32-10, keyed by
 * init_seed, counted by the element's index), so they do not depend on how the vector is shared out.
 * Source      MITCHELL: OLMo's init (olmo/initialization.py): wte, att_proj, ff_proj 1/sqrt(D); attn_out
 *             1/sqrt(2 D (l+1)); ff_out 1/sqrt(2 F (l+1)). NORMAL: init_std everywhere. Not torch's random stream.
 */
void bit_init_range(const struct bit_worker_plan *plan, int64_t begin, int64_t end, float *master);

#endif
