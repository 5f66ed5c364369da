/* The durations of a phase's steps: their sum, its parts, and their distribution. */
#ifndef BIT_CTL_STEP_TIMES_H
#define BIT_CTL_STEP_TIMES_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

/* A zeroed struct is empty. */
struct bit_step_times {
    float *ms; /* one per step, in journal order until sorted; owned */
    size_t count, room;
    uint64_t tokens;
    double sum_ms;
    Bit__TimeSplit split; /* sums */
};

/** Add a step. A step that was repeated after a restart counts each time. Errors: -ENOMEM */
int bit_step_times_add(struct bit_step_times *t, const Bit__StepReport *step);
void bit_step_times_sort(struct bit_step_times *t);
/** Of sorted times, count > 0: the smallest time that this share of the steps did not exceed. */
double bit_step_times_quantile(const struct bit_step_times *t, double share);
void bit_step_times_finish(struct bit_step_times *t);

#endif
