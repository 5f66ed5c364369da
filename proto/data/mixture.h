/*
 * How many instances of a batch come from each source of a mixture: a pure function of the step.
 *
 * Weights are rounded to multiples w(i) of 2^-32 that add up to one. At each step source i is owed w(i) x batch more
 * instances. It gets the owed number, rounded down; then, until the batch is full, the source that is owed most gets
 * one more (the first of equals); if the batch is too full, the source that is owed least gives one back. The instances
 * it got are subtracted, and the remainder, which may be below zero, is carried to the next step. So after any number
 * of steps each source is within a few instances of its share, and nothing depends on ranks, restarts or the clock.
 */
#ifndef BIT_PROTO_MIXTURE_H
#define BIT_PROTO_MIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"

struct bit_mixture {
    size_t sources;
    uint32_t batch;
    uint64_t step; /* the last one counted; 0 at the beginning */
    struct bit_mixture_part {
        uint64_t weight; /* in 2^-32 */
        int64_t owed;    /* after `step`, in 2^-32 instances */
        uint64_t before; /* its instances before `step` */
        uint32_t count;  /* its instances in `step` */
    } part[BIT_SOURCES_MAX];
};

/** Limits: 1 <= sources <= BIT_SOURCES_MAX; every weight finite and above 0. */
void bit_mixture_init(struct bit_mixture *m, const double *weights, size_t sources, uint32_t batch);
/** Go to a step (>= 1) and compute part[i].count and part[i].before for it. Going back starts over from step 1. Takes a
 * few ns a step. */
void bit_mixture_go(struct bit_mixture *m, uint64_t step);

#endif
