/* Measures of a weight matrix, divided among threads in pieces. Counts are integers, so their order does not matter;
 * sums are added in the order of the pieces. */
#include "kernels/weight_measure.h"

#include <string.h>

#include "kernels/args.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/simd.h"
#include "proto/check.h"

#define PIECE 16384 /* weights in a thread's unit of work: a whole number of vectors */

/* |w| in units, rounded half to even by adding 1.5 2^52; the product is exact, so fusing the two changes nothing. From
 * 2^51 units on every float is a whole number of units. */
static inline double units_of(float w)
{
    const double units = (double)(w < 0 ? -w : w) * (1 / BIT_ABSMEAN_UNIT);

    return units < 0x1p51 ? (units + 0x1.8p52) - 0x1.8p52 : units;
}

static double piece_units(const float *w, int64_t count)
{
    double sum[BIT_LANES] = {0}, all = 0;
    int64_t i = 0;

    for (; i + BIT_LANES <= count; i += BIT_LANES)
        for (int lane = 0; lane < BIT_LANES; lane++)
            sum[lane] += units_of(w[i + lane]);
    for (; i < count; i++)
        all += units_of(w[i]);
    for (int lane = 0; lane < BIT_LANES; lane++)
        all += sum[lane];
    return all;
}

int BIT_ISA(absmean)(const struct bit_exec *exec, const struct bit_absmean_args *args)
{
    double units = 0;

#pragma omp parallel for num_threads(exec->threads) schedule(static, 1) ordered
    for (int64_t i = 0; i < args->count; i += PIECE) {
        const double piece = piece_units(args->w + i, BIT_MIN(args->count - i, PIECE));
#pragma omp ordered
        units += piece;
    }
    *args->sum = units * BIT_ABSMEAN_UNIT;
    return 0;
}

static uint32_t magnitude_bits(float w)
{
    uint32_t bits;

    memcpy(&bits, &w, sizeof bits);
    return bits & 0x7fffffff;
}

static void count_uppers(const float *w, int64_t count, uint32_t *bins)
{
    for (int64_t i = 0; i < count; i++) {
        const uint32_t bits = magnitude_bits(w[i]);
        bins[bits > 0x7f800000 ? BIT_HISTOGRAM_BINS - 1 : bits >> 16]++;
    }
}

/* Few weights have the median's upper half, so most vectors have none to count. */
static void count_lowers(const float *w, int64_t count, uint32_t upper, uint32_t *bins)
{
    const int64_t whole = count - count % BIT_LANES;

    for (int64_t i = 0; i < whole; i += BIT_LANES) {
        vi bits;
        memcpy(&bits, w + i, sizeof bits);
        bits &= 0x7fffffff;
        for (uint32_t hits = vi_bits(bits >> 16 == (int32_t)upper); hits != 0; hits &= hits - 1)
            bins[bits[__builtin_ctz(hits)] & 0xffff]++;
    }
    for (int64_t i = whole; i < count; i++)
        if (magnitude_bits(w[i]) >> 16 == upper)
            bins[magnitude_bits(w[i]) & 0xffff]++;
}

static void count_piece(const struct bit_histogram_args *args, int64_t from, int64_t count, uint32_t *bins)
{
    if (args->pass == 0)
        count_uppers(args->w + from, count, bins);
    else
        count_lowers(args->w + from, count, *args->upper, bins);
}

int BIT_ISA(histogram)(const struct bit_exec *exec, const struct bit_histogram_args *args)
{
    int err = bit_histogram_check(args);

    if (err < 0)
        return err;
#pragma omp parallel num_threads(exec->threads)
    {
        uint32_t bins[BIT_HISTOGRAM_BINS] = {0}; /* per thread: 256 KiB of its stack, and of its L2 cache */
#pragma omp for schedule(static)
        for (int64_t i = 0; i < args->count; i += PIECE)
            count_piece(args, i, BIT_MIN(args->count - i, PIECE), bins);
#pragma omp critical(bit_histogram)
        for (int bin = 0; bin < BIT_HISTOGRAM_BINS; bin++)
            args->counts[bin] += bins[bin];
    }
    return 0;
}
