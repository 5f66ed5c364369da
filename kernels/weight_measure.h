/*
 * The measure of a weight matrix that is sharded over the ranks: the mean or the lower median of its magnitudes, and
 * the scale that follows from it.
 */
#ifndef BIT_KERNELS_WEIGHT_MEASURE_H
#define BIT_KERNELS_WEIGHT_MEASURE_H

#include "kernels/exec/op.h"

BIT_OP_DECLARE(absmean);
#define BIT_ABSMEAN_UNIT 0x1p-30 /* far below the floor of the measure, 1e-5 */
/**
 * *sum = sum |w|, where each |w| is first rounded to a multiple of BIT_ABSMEAN_UNIT, half to even.
 * Order       the sum is exact in double while it stays below 2^23, so the parts of a matrix add to the same bits in
 *             any order, for any division among threads and ranks
 * Accuracy    above 2^23 (33 million weights of magnitude 0.25) each addition is still good to 2^-52
 */
struct bit_absmean_args {
    int64_t count;
    const float *w;
    double *sum;
};

BIT_OP_DECLARE(histogram);
#define BIT_HISTOGRAM_BINS 65536
/**
 * Counts for an exact median of |w| by its bits, whose order as unsigned numbers is that of the magnitudes.
 *     pass 0      bin = bits >> 16, of which 32768 are used; NaN is counted in the last bin, 65535
 *     pass 1      bin = bits & 0xffff, of the elements whose upper half is *upper
 * The lower median of n weights is element (n - 1) / 2 in sorted order. Pass 0 finds its bin; pass 1, with upper = that
 * bin, finds the element within it; the median's bits are both bins joined.
 * Counts have 32 bits: parts that are added into one histogram must have fewer than 2^32 elements together.
 * Shapes      w (count); counts (BIT_HISTOGRAM_BINS), added to, not cleared
 */
struct bit_histogram_args {
    int64_t count;
    const float *w;
    int pass;
    const uint32_t *upper; /* in the backend's memory; pass 1 */
    uint32_t *counts;
};
/**
 * The bin of element `order` in sorted order (order < the sum of counts), and in *before the number of elements in
 * earlier bins.
 */
uint32_t bit_histogram_find(const uint32_t *counts, uint64_t order, uint64_t *before);

BIT_OP_DECLARE(histogram_search);
/**
 * The end of one pass for `count` matrices at once: bits[i] = bits[i] << 16 | the bin of counts[i] that holds element
 * order[i], and order[i] becomes the element's index within that bin. Starting from bits 0, two passes give the
 * median's bits.
 * Shapes      counts (count, BIT_HISTOGRAM_BINS); order, bits (count)
 */
struct bit_histogram_search_args {
    int64_t count;
    const uint32_t *counts;
    uint64_t *order;
    uint32_t *bits;
};

BIT_OP_DECLARE(weight_scale);
/**
 * scale[i] = 1 / max(eps, M), in f32. M is the mean: the sum over `ranks` of sums, in order of ranks, divided by
 * elements[i] and rounded to f32; or, if sums is NULL, the f32 whose bits are bits[i].
 * Shapes      sums (ranks, count); elements, bits, scale (count)
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
