/*
 * How many instances of a batch come from each source of a mixture: a pure function of the step.
 *
 * Weights are made whole numbers of 2^-32, w(i), that add up to one. Before each step source i is owed w(i) x batch
 * more instances. It gets what it is owed, rounded down; then, until the batch is full, the source that is owed most
 * gets one more (the first of equals). What it got is taken off what it is owed, and the rest, which may be below zero,
 * is carried to the next step. So after any number of steps no source is further from its share than a handful of
 * instances, and nothing depends on ranks, restarts, or the clock.
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
        uint64_t before; /* instances it gave before `step` */
        uint32_t count;  /* in `step` */
    } part[BIT_SOURCES_MAX];
};

/** Limits: 1 <= sources <= BIT_SOURCES_MAX; every weight finite and above 0. */
void bit_mixture_init(struct bit_mixture *m, const double *weights, size_t sources, uint32_t batch);
/** Go to a step (>= 1): part[i].count and part[i].before are its. Back means from the beginning; some ns a step. */
void bit_mixture_go(struct bit_mixture *m, uint64_t step);

#endif
