/* Weights to -1, 0, 1: the measures of a matrix (in parts, so that ranks can share one), the codes, and two bits each
 * on the wire. */
#ifndef BIT_KERNELS_TERNARISE_H
#define BIT_KERNELS_TERNARISE_H
#include "kernels/op.h"

BIT_OP_DECLARE(absmean);
/**
 * *sum = sum |w|, where each |w| is first rounded to a multiple of BIT_ABSMEAN_UNIT, half to even. Such sums are exact
 * in double while they stay below 2^23, so parts of a matrix add to the same bits however it is shared out, by threads
 * or by ranks, and in whatever order. The unit is far below the floor of the measure (1e-5). Above 2^23 (33 million
 * weights of magnitude 0.25) the sum is still good to 2^-52 for each addition.
 */
#define BIT_ABSMEAN_UNIT 0x1p-30
#define BIT_SUM_BLOCK    16384 /* sumsq's block, in adamw.h */
struct bit_absmean_args {
    int64_t count;
    const float *w;
    double *sum;
};

BIT_OP_DECLARE(histogram);
#define BIT_HISTOGRAM_BINS 65536
/**
 * Counts for an exact median of |w| by its bits (|w| orders as its unsigned pattern). Pass 0: bin = bits >> 16 (32768
 * bins used of BIT_HISTOGRAM_BINS). Pass 1: only elements whose upper half is `upper`, bin = bits & 0xffff. counts
 * (BIT_HISTOGRAM_BINS) is added to, not cleared. NaN counts in the last bin of pass 0. The lower median of n weights
 * has rank (n - 1) / 2: find its bin, count pass 1 with upper = bin, find rank - before there; its bits are both bins
 * joined.
 */
struct bit_histogram_args {
    int64_t count;
    const float *w;
    int pass;
    uint32_t upper;
    uint64_t *counts;
};
/** The bin that holds element `rank` (from 0, in order; below the sum of counts), and in *before how many lie in
 * earlier bins. */
uint32_t bit_histogram_find(const uint64_t *counts, uint64_t rank, uint64_t *before);

BIT_OP_DECLARE(ternarise);
/**
 * u = w scale, scale = 1 / max(eps, M|W|);  code = clamp(rint(u), -1, 1), half to even. At strength 1 codes int8; below
 * 1, out = u + strength (code - u) as out_dtype. If previous codes are given (int8, -1..1), *flips counts the differing
 * ones; *zeros counts zeros (of the code, at any strength). codes may be NULL below strength 1, out may be NULL at 1;
 * codes may alias previous.
 */
struct bit_ternarise_args {
    int64_t count;
    const float *w;
    float scale, strength;
    const int8_t *previous;
    int8_t *codes;
    void *out;
    enum bit_dtype out_dtype;
    uint64_t *zeros, *flips; /* each may be NULL */
};

/** Four codes a byte, the first in the low bits, code + 1; count need not divide by 4 (the rest is code 0). bytes =
 * (count + 3) / 4. */
void bit_ternary_pack(const int8_t *codes, int64_t count, uint8_t *packed);
/** Back again. Returns BIT_ECORRUPT, with codes undefined, if a pair of bits is 3. */
int bit_ternary_unpack(const uint8_t *packed, int64_t count, int8_t *codes);
#endif
