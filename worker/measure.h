/* The scale of each weight segment over the whole matrix, of which every rank has a part. */
#ifndef BIT_WORKER_MEASURE_H
#define BIT_WORKER_MEASURE_H

#include "kernels/bitlinear.h"
#include "worker/shard.h"

/* One contiguous range of the flat vector that shares a scale. */
struct bit_segment_range {
    int64_t begin, end;
    int linear, segment;
};

struct bit_measure_scales {
    const struct bit_plan *plan;      /* borrowed */
    const struct bit_shard *shard;    /* borrowed */
    struct bit_segment_range *ranges; /* (count), in flat order; owned */
    int count;
    double *sums;      /* (1 + size, count): of this rank, then of each; owned */
    uint64_t *medians; /* (count): bits; owned */
    uint64_t *bins;    /* (BIT_HISTOGRAM_BINS); owned */
};

/** Errors: -ENOMEM. finish takes a zeroed one too. */
int bit_measure_init(struct bit_measure_scales *m, const struct bit_plan *plan, const struct bit_shard *shard);
void bit_measure_finish(struct bit_measure_scales *m);

/**
 * scales[i] = 1 / max(eps, M|W|) for every segment i in flat order, M the mean or the lower median over the whole
 * segment, taken from the fp32 master (not from a 16-bit copy).
 * Shapes      master: this rank's shard
 * Collective  yes; the same bits on every rank and for any number of ranks
 * Errors      an operator's
 */
int bit_measure_segments(struct bit_measure_scales *m, struct bit_comm *comm, const struct bit_exec *exec,
                         const float *master, float *scales);

#endif
