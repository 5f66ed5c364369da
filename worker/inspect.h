/* What is wrong with a step, seen by all ranks alike: NaN and infinity, and what is above the order's bounds. */
#ifndef BIT_WORKER_INSPECT_H
#define BIT_WORKER_INSPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

struct bit_worker;

#define BIT_INSPECT_MOST 4 /* anomalies of one step */

struct bit_anomaly {
    Bit__AnomalyKind kind;
    int rank; /* the first, or -1 */
    bool healed, has_value;
    double value, bound;
    char place[64]; /* a tensor; empty: not known */
};

struct bit_inspection {
    struct bit_anomaly item[BIT_INSPECT_MOST];
    int count;
};

void bit_inspection_add(struct bit_inspection *in, const struct bit_anomaly *what);

/**
 * A gradient norm that is NaN or infinite: which rank it came from, looked for in what the reduction has left of each
 * rank's own gradient. Sets comm->failed_rank. Returns BIT_ENUMERIC.
 * Collective  yes
 */
int bit_inspect_norm(struct bit_worker *worker, double norm, uint64_t step);
/**
 * After BIT_ENUMERIC on all ranks: note the anomaly with rank and tensor. Of a loss, that is the first tensor of the
 * weights with a NaN or infinity in it; of a gradient, the first such one in backward order on that rank.
 * Collective  yes
 * Errors      an operator's
 */
int bit_inspect_number(struct bit_worker *worker, bool loss, struct bit_inspection *in);
/** Whether loss or norm are above their bounds; the anomaly is noted. */
bool bit_inspect_bounds(double loss, double loss_most, double norm, double norm_most, struct bit_inspection *in);

#endif
