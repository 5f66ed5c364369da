/* The scale of each weight segment, over the whole matrix, of which every rank has a part. */
#ifndef BIT_WORKER_WEIGHT_SCALES_H
#define BIT_WORKER_WEIGHT_SCALES_H

#include <stdbool.h>

#include "worker/ranks/fabric.h"
#include "worker/ranks/shard.h"

/* A contiguous range of the flat vector with one scale. */
struct bit_segment_range {
    int64_t begin, end;
};

/* Which ranks have parts of a segment. */
struct bit_segment_facts {
    bool shared; /* several ranks have parts */
    bool told;   /* this rank is the first of them, and shares the median */
};

/* Segments are numbered in flat order. */
struct bit_weight_scales {
    const struct bit_worker_plan *plan; /* borrowed, with the next two */
    const struct bit_shard *shard;
    struct bit_exec *exec;
    struct bit_segment_range *ranges; /* (count); owned */
    struct bit_segment_facts *facts;  /* (count); owned */
    int count;
    bool joined; /* counts are added in one all-reduce a pass, also those of segments that only one rank has */
    /* In the backend's memory, owned. Means use the first two arrays, medians the others. */
    double *sums;      /* (BIT_PLAN_PARTS_MAX, count): sums of this rank's parts, then of all ranks' */
    int64_t *elements; /* (count) */
    uint32_t *bins;    /* (count, BIT_HISTOGRAM_BINS); segments are below 2^32 weights: check_medians of spec_check.c */
    uint64_t *middle;  /* (count): the median's rank in order, from 0 */
    uint64_t *order;   /* (count): the same, within the bin found so far */
    uint32_t *bits;    /* (count) */
};

/** Errors: -ENOMEM. finish takes a zeroed one too. */
int bit_weight_scales_init(struct bit_weight_scales *m, const struct bit_worker_plan *plan,
                           const struct bit_shard *shard, struct bit_exec *exec);
void bit_weight_scales_finish(struct bit_weight_scales *m);

/**
 * scales[i] = 1 / max(eps, M|W|) for every segment, M the mean or the lower median over the whole segment, from the
 * fp32 master (not from a 16-bit copy). Enqueued; the host does not wait.
 * Shapes      master: this rank's shard; scales (count), in the backend's memory
 * Collective  yes; the same bits on every rank and for any number of ranks
 * Errors      an operator's
 */
int bit_weight_scales_find(struct bit_weight_scales *m, struct bit_fabric *fabric, const float *master, float *scales);

#endif
