/* Activations to int8 codes: several passes over each row, which stays in the L1 cache, so that no intermediate result
 * is stored. The order of the float operations is the contract's: quantise.h. */
#include "kernels/quantise.h"

#include <math.h>

#include "kernels/args.h"
#include "kernels/cpu/codes.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/simd.h"
#include "proto/check.h"

/* A row and its norm; without a norm, mean is 0 and rstd is 1. */
struct row {
    const void *x;
    enum bit_dtype dtype;
    int64_t at, cols;
    float mean, rstd;
};

/* Columns c..c+BIT_LANES of x - mean; 0 past the end of the row. */
static inline vf centred(const struct row *row, int64_t c)
{
    return vf_load_upto(row->x, row->dtype, row->at + c, row->cols - c, row->mean) - row->mean;
}

static inline vf normed(const struct row *row, int64_t c)
{
    return centred(row, c) * row->rstd;
}

static inline vf magnitude(const struct row *row, int64_t c)
{
    return (vf)((vi)normed(row, c) & 0x7fffffff);
}

static float sum_of(const struct row *row, vf (*term)(const struct row *row, int64_t c))
{
    vf even = vf_set(0), odd = vf_set(0);

    for (int64_t c = 0; c < row->cols; c += 2 * BIT_LANES) {
        even += term(row, c);
        if (c + BIT_LANES < row->cols)
            odd += term(row, c + BIT_LANES);
    }
    return vf_sum(even + odd);
}

static vf square(const struct row *row, int64_t c)
{
    const vf x = centred(row, c);

    return x * x;
}

static void take_norm(const struct bit_quantise_args *args, int64_t r, struct row *row)
{
    if (args->kind == BIT_NORM_NONE)
        return;
    if (args->kind == BIT_NORM_LAYER)
        row->mean = sum_of(row, centred) / (float)row->cols;
    row->rstd = 1 / sqrtf(args->var_factor * (sum_of(row, square) / (float)row->cols) + args->norm_eps);
    args->mean[r] = row->mean;
    args->rstd[r] = row->rstd;
}

static float absmax(const struct row *row)
{
    vf max = vf_set(0);

    for (int64_t c = 0; c < row->cols; c += BIT_LANES)
        max = vf_max(magnitude(row, c), max);
    return vf_largest(max);
}

/* How many magnitudes have bits <= limit (bits have the order of the magnitudes). */
static int64_t count_below(const struct row *row, int32_t limit)
{
    const int64_t past = bit_round_up(row->cols, BIT_LANES) - row->cols; /* lanes past the end, which hold 0 */
    vi count = {0};
    int64_t sum = 0;

    for (int64_t c = 0; c < row->cols; c += BIT_LANES)
        count -= (vi)magnitude(row, c) <= limit;
    for (int i = 0; i < BIT_LANES; i++)
        sum += count[i];
    return sum - past;
}

/* The lower median: the least magnitude such that more than (cols - 1) / 2 magnitudes are <= it. Found by bisection
 * over the bits: always 31 passes, without a copy of the row. */
static float median(const struct row *row)
{
    int32_t low = 0, high = INT32_MAX;
    float found;

    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        if (count_below(row, middle) > (row->cols - 1) / 2)
            high = middle;
        else
            low = middle + 1;
    }
    memcpy(&found, &low, sizeof found);
    return found;
}

static float measure(const struct row *row, enum bit_measure which)
{
    if (which == BIT_MEASURE_ABSMAX)
        return absmax(row);
    if (which == BIT_MEASURE_MEAN)
        return sum_of(row, magnitude) / (float)row->cols;
    return median(row);
}

static void code_row(const struct bit_quantise_args *args, const struct row *row, float scale)
{
    for (int64_t c = 0; c < row->cols; c += BIT_LANES) {
        const vf u = normed(row, c) * scale;
        const vf code = code_of(u, -128, 127);
        if (args->q_dtype == BIT_I8)
            store_codes((int8_t *)args->q + row->at + c, row->cols - c, code);
        else
            vf_store_upto(args->q, args->q_dtype, row->at + c, row->cols - c, blend_of(u, code, args->strength));
    }
}

/* args->scale[r] must be set. */
static void operand_row(const struct bit_quantise_args *args, const struct row *row, int64_t r)
{
    const struct bit_operand operand = {args->operand, args->operand_dtype, args->scale, args->strength};

    for (int64_t c = 0; c < row->cols; c += BIT_LANES)
        vf_store_upto(args->operand, args->operand_dtype, row->at + c, row->cols - c,
                      operand_of(&operand, r, normed(row, c)));
}

int BIT_ISA(quantise)(const struct bit_exec *exec, const struct bit_quantise_args *args)
{
    int err = bit_quantise_check(args);

    if (err < 0)
        return err;
#pragma omp parallel for num_threads(exec->threads) schedule(static)
    for (int64_t r = 0; r < args->rows; r++) {
        struct row row = {args->x, args->x_dtype, r * args->cols, args->cols, 0, 1};
        take_norm(args, r, &row);
        const float m = measure(&row, args->measure);
        args->scale[r] = args->levels / (m > args->eps ? m : args->eps);
        code_row(args, &row, args->scale[r]);
        if (args->operand != NULL)
            operand_row(args, &row, r);
    }
    return 0;
}
