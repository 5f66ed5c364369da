/* How long the steps of a phase took: their sum, where it went, and how they are distributed. */
#ifndef BIT_CTL_STEP_TIMES_H
#define BIT_CTL_STEP_TIMES_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

/* Zero is a good start. */
struct bit_step_times {
    float *ms; /* of each step, in the order of the journal until they are sorted; owned */
    size_t count, room;
    uint64_t tokens;
    double sum_ms;
    Bit__TimeSplit split; /* summed */
};

/** Every time that a step was trained counts, those that were done again, too. Errors: -ENOMEM */
int bit_step_times_add(struct bit_step_times *t, const Bit__StepReport *step);
void bit_step_times_sort(struct bit_step_times *t);
/** Of sorted times, count > 0: the least that so large a share of the steps did not exceed. */
double bit_step_times_quantile(const struct bit_step_times *t, double share);
void bit_step_times_finish(struct bit_step_times *t);

#endif
