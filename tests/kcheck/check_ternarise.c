/* Weights to codes, and their measures. */
#include "kernels/ternarise.h"
#include "tests/kcheck/kcheck.h"

/* Exact: the sums stay below 2^23 (kernels/ternarise.h). */
static int check_absmean(struct kc *k, const int64_t *dim)
{
    const struct bit_absmean_args args = {
        .count = dim[0],
        .w = kc_in(k, "w", BIT_F32, dim[0], 0.02),
        .sum = kc_out(k, "sum", KC_F64, 1, KC_EXACT),
    };
    return kc_call(k, &args);
}

static void cost_read(const int64_t *dim, struct kc_cost *out)
{
    out->bytes = 4 * (double)dim[0];
    out->flops = 0;
}

static const struct kc_shape absmean_shapes[] = {
    {KC_QUICK, {0}},     {KC_QUICK, {1}},      {KC_QUICK, {17}},     {KC_QUICK, {16384}},
    {KC_QUICK, {50001}}, {KC_FULL, {1000003}}, {KC_BENCH, {786432}}, {KC_BENCH, {8388608}},
};
KC_OP(absmean, "count", absmean_shapes, check_absmean, cost_read, KC_DETERMINISTIC)

static int check_histogram(struct kc *k, const int64_t *dim)
{
    const struct bit_histogram_args args = {
        .count = dim[0],
        .w = kc_in(k, "w", BIT_F32, dim[0], 0.02),
        .pass = (int)dim[1],
        .upper = 0x3c60, /* about 0.0137, near the median of these */
        .counts = kc_sum(k, "counts", KC_U64, BIT_HISTOGRAM_BINS, KC_EXACT),
    };
    return kc_call(k, &args);
}

static const struct kc_shape histogram_shapes[] = {
    {KC_QUICK, {0, 0}},      {KC_QUICK, {17, 0}},     {KC_QUICK, {50001, 0}},  {KC_QUICK, {50001, 1}},
    {KC_FULL, {1000003, 1}}, {KC_BENCH, {786432, 0}}, {KC_BENCH, {786432, 1}}, {KC_BENCH, {8388608, 0}},
};
KC_OP(histogram, "count pass", histogram_shapes, check_histogram, cost_read, KC_DETERMINISTIC)

static int check_ternarise(struct kc *k, const int64_t *dim)
{
    const int64_t count = dim[0];
    const enum bit_dtype out = (enum bit_dtype)dim[3];
    const struct bit_ternarise_args args = {
        .count = count,
        .w = kc_in(k, "w", BIT_F32, count, 0.02),
        .scale = 61.3f,
        .strength = (float)dim[1] / 8,
        .previous = dim[2] ? kc_in_whole(k, "previous", KC_I8, count, -1, 1) : NULL,
        .codes = kc_out(k, "codes", KC_I8, count, KC_EXACT),
        /* strength (code - u) may be fused with what follows; u is a few units at most */
        .out = dim[1] < 8 ? kc_out(k, "out", (enum kc_type)out, count, KC_NEAR(1e-6, 1e-6)) : NULL,
        .out_dtype = out,
        .zeros = kc_out(k, "zeros", KC_U64, 1, KC_EXACT),
        .flips = kc_out(k, "flips", KC_U64, 1, KC_EXACT),
    };
    return kc_call(k, &args);
}

static void cost_ternarise(const int64_t *dim, struct kc_cost *out)
{
    const double each = 4 + 1 + (dim[2] ? 1 : 0) + (dim[1] < 8 ? (double)bit_dtype_bytes((enum bit_dtype)dim[3]) : 0);

    out->bytes = each * (double)dim[0];
    out->flops = 0;
}

static const struct kc_shape ternarise_shapes[] = {
    {KC_QUICK, {0, 8, 1, BIT_F32}},        {KC_QUICK, {1, 8, 0, BIT_F32}},      {KC_QUICK, {17, 8, 1, BIT_F32}},
    {KC_QUICK, {50001, 8, 1, BIT_F32}},    {KC_QUICK, {50001, 4, 1, BIT_F32}},  {KC_QUICK, {50001, 1, 0, BIT_BF16}},
    {KC_FULL, {1000003, 8, 1, BIT_F32}},   {KC_BENCH, {786432, 8, 1, BIT_F32}}, {KC_BENCH, {8388608, 8, 1, BIT_F32}},
    {KC_BENCH, {8388608, 4, 1, BIT_BF16}},
};
KC_OP(ternarise, "count eighths previous out:t", ternarise_shapes, check_ternarise, cost_ternarise, KC_DETERMINISTIC)
