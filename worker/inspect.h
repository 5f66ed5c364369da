/* Anomalies of a step, found alike on all ranks: NaN and infinity, and values above the order's bounds. */
#ifndef BIT_WORKER_INSPECT_H
#define BIT_WORKER_INSPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

struct bit_worker;

#define BIT_INSPECT_MOST 4 /* anomalies of one step */

struct bit_anomaly {
    Bit__AnomalyKind kind;
    int rank; /* the first affected rank, or -1 */
    bool healed, has_value;
    double value, bound;
    char place[64]; /* the tensor's name; empty: not known */
};

struct bit_inspection {
    struct bit_anomaly item[BIT_INSPECT_MOST];
    int count;
};

void bit_inspection_add(struct bit_inspection *in, const struct bit_anomaly *what);

/**
 * Find the rank that a NaN or infinite gradient norm came from, by checking the parts of each rank's own gradient that
 * the reduction did not overwrite. Sets comm->failed_rank. Returns BIT_ENUMERIC.
 * Collective  yes
 */
int bit_inspect_norm(struct bit_worker *worker, double norm, uint64_t step);
/**
 * After BIT_ENUMERIC on all ranks: record the anomaly with rank and tensor. For a loss the tensor is the first one of
 * the weights that contains NaN or infinity; for a gradient it is the first one in backward order on that rank.
 * Collective  yes
 * Errors      an operator's
 */
int bit_inspect_number(struct bit_worker *worker, bool loss, struct bit_inspection *in);
/** Whether loss or norm is above its bound; if so, the anomaly is added to `in`. */
bool bit_inspect_bounds(double loss, double loss_most, double norm, double norm_most, struct bit_inspection *in);

#endif
