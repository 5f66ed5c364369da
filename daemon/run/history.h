/* What is kept of past steps: the exact results of the latest, for comparison after a restart, and a thinned curve. */
#ifndef BIT_DAEMON_HISTORY_H
#define BIT_DAEMON_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/chain.h"

#define BIT_HISTORY_EXACT_MAX 65536 /* steps that a restart can be compared with */
#define BIT_HISTORY_CURVE_MAX 1024  /* points; when full, every second one is dropped */

struct bit_curve_point {
    uint64_t step;
    double loss;
};

struct bit_history {
    struct bit_fact *exact; /* a ring: step s is at s % exact_capacity */
    size_t exact_capacity;  /* a power of two */
    uint64_t first, last;   /* steps in the ring; first > last when it is empty */
    struct bit_curve_point *curve;
    size_t curve_count;
    uint64_t curve_every; /* steps between points */
};

void bit_history_init(struct bit_history *h);
void bit_history_finish(struct bit_history *h);
/** Forget the exact results: only a run that may go on needs them. */
void bit_history_thin(struct bit_history *h);
/**
 * Note a step. A step noted before is replaced, and the curve's points after it are dropped. A skipped step has no
 * point on the curve. -ENOMEM.
 */
int bit_history_put(struct bit_history *h, uint64_t step, const struct bit_fact *fact);
/** Forget every step after `step`. */
void bit_history_cut(struct bit_history *h, uint64_t step);
/** The facts of a step, or NULL if they are no longer (or not yet) held. */
const struct bit_fact *bit_history_get(const struct bit_history *h, uint64_t step);

#endif
