/* The measure of a weight matrix of which every rank has a part: the mean or the lower median of its magnitudes, and
 * the scale that follows from it. */
#ifndef BIT_KERNELS_MEASURE_H
#define BIT_KERNELS_MEASURE_H
#include "kernels/op.h"

BIT_OP_DECLARE(absmean);
/**
 * *sum = sum |w|, where each |w| is first rounded to a multiple of BIT_ABSMEAN_UNIT, half to even. Such sums are exact
 * in double while they stay below 2^23, so parts of a matrix add to the same bits however it is shared out, by threads
 * or by ranks, and in whatever order. The unit is far below the floor of the measure (1e-5). Above 2^23 (33 million
 * weights of magnitude 0.25) the sum is still good to 2^-52 for each addition.
 */
#define BIT_ABSMEAN_UNIT 0x1p-30
struct bit_absmean_args {
    int64_t count;
    const float *w;
    double *sum;
};

BIT_OP_DECLARE(histogram);
#define BIT_HISTOGRAM_BINS 65536
/**
 * Counts for an exact median of |w| by its bits (|w| orders as its unsigned pattern). Pass 0: bin = bits >> 16 (32768
 * bins used of BIT_HISTOGRAM_BINS). Pass 1: only elements whose upper half is *upper, bin = bits & 0xffff. counts
 * (BIT_HISTOGRAM_BINS) is added to, not cleared. NaN counts in the last bin of pass 0. The lower median of n weights
 * has rank (n - 1) / 2: find its bin, count pass 1 with upper = bin, find rank - before there; its bits are both bins
 * joined.
 */
struct bit_histogram_args {
    int64_t count;
    const float *w;
    int pass;
    const uint32_t *upper; /* in the backend's memory; pass 1 */
    uint64_t *counts;
};
/** The bin that holds element `rank` (from 0, in order; below the sum of counts), and in *before how many lie in
 * earlier bins. */
uint32_t bit_histogram_find(const uint64_t *counts, uint64_t rank, uint64_t *before);

BIT_OP_DECLARE(histogram_search);
/**
 * The end of one pass for `count` matrices at once: the bin of counts[i] (of (count, BIT_HISTOGRAM_BINS)) that holds
 * element rank[i], joined to bits[i] from below; rank[i] becomes the element's place within that bin. From bits 0, two
 * passes leave the median's bits.
 */
struct bit_histogram_search_args {
    int64_t count;
    const uint64_t *counts;
    uint64_t *rank;
    uint32_t *bits;
};

BIT_OP_DECLARE(weight_scale);
/**
 * scale[i] = 1 / max(eps, M), in f32. M is the mean, the sum over `ranks` of sums (ranks, count) in that order over
 * elements[i], rounded to f32; or, where sums is NULL, the f32 whose bits are bits[i].
 */
struct bit_weight_scale_args {
    int64_t count;
    int ranks;
    const double *sums;
    const int64_t *elements;
    const uint32_t *bits;
    float eps;
    float *scale;
};
#endif
