/* Ternary codes of weights, and the measures of their scales. */
#include "kernels/pack_codes.h"
#include "kernels/ternarise.h"
#include "kernels/weight_measure.h"
#include "proto/check.h"
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
    uint32_t *upper = kc_room(k, "upper", KC_I32, 1);
    const struct bit_histogram_args args = {
        .count = dim[0],
        .w = kc_in(k, "w", BIT_F32, dim[0], 0.02),
        .pass = (int)dim[1],
        .upper = upper,
        .counts = kc_sum(k, "counts", KC_U32, BIT_HISTOGRAM_BINS, KC_EXACT),
    };

    *upper = 0x3c60; /* about 0.0137, near the median of these weights */
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
    const enum bit_dtype out = (enum bit_dtype)dim[2];
    float *scale = kc_room(k, "scale", KC_F32, 1);
    const struct bit_ternarise_args args = {
        .count = count,
        .w = kc_in(k, "w", BIT_F32, count, 0.02),
        .scale = scale,
        .strength = (float)dim[1] / 8,
        .codes = kc_out(k, "codes", KC_I8, count, KC_EXACT),
        /* strength (code - u) may be fused with what follows; u is a few units at most */
        .out = dim[1] < 8 || out == BIT_BF16 ? kc_out(k, "out", (enum kc_type)out, count, KC_NEAR(1e-6, 1e-6)) : NULL,
        .out_dtype = out,
        .zeros = kc_sum(k, "zeros", KC_U64, 1, KC_EXACT),
    };

    *scale = 61.3f;
    return kc_call(k, &args);
}

static void cost_ternarise(const int64_t *dim, struct kc_cost *out)
{
    const double each = 4 + 1 +
                        (dim[1] < 8 || dim[2] == BIT_BF16 ? (double)bit_dtype_bytes((enum bit_dtype)dim[2]) : 0);

    out->bytes = each * (double)dim[0];
    out->flops = 0;
}

static const struct kc_shape ternarise_shapes[] = {
    {KC_QUICK, {0, 8, BIT_F32}},      {KC_QUICK, {1, 8, BIT_F32}},        {KC_QUICK, {17, 8, BIT_F32}},
    {KC_QUICK, {50001, 8, BIT_F32}},  {KC_QUICK, {50001, 4, BIT_F32}},    {KC_QUICK, {50001, 1, BIT_BF16}},
    {KC_FULL, {1000003, 8, BIT_F32}}, {KC_BENCH, {786432, 8, BIT_F32}},   {KC_BENCH, {8388608, 8, BIT_F32}},
    {KC_QUICK, {50001, 8, BIT_BF16}}, {KC_BENCH, {8388608, 4, BIT_BF16}}, {KC_BENCH, {16777216, 8, BIT_BF16}},
};
KC_OP(ternarise, "count eighths out:t", ternarise_shapes, check_ternarise, cost_ternarise, KC_DETERMINISTIC)

static int check_histogram_search(struct kc *k, const int64_t *dim)
{
    const int64_t count = dim[0];
    uint32_t *counts = kc_in_whole(k, "counts", KC_U32, count * BIT_HISTOGRAM_BINS, 0, dim[1]);
    uint64_t *order = kc_sum(k, "order", KC_U64, count, KC_EXACT);
    const struct bit_histogram_search_args args = {
        .count = count,
        .counts = counts,
        .order = order,
        .bits = kc_sum(k, "bits", KC_I32, count, KC_EXACT),
    };

    for (int64_t i = 0; i < count; i++) {
        uint64_t all = 0;
        for (int bin = 0; bin < BIT_HISTOGRAM_BINS; bin++)
            all += counts[i * BIT_HISTOGRAM_BINS + bin];
        order[i] = i % 3 == 0 ? 0 : i % 3 == 1 ? all - 1 : all / 2; /* the first, the last, the middle */
        args.bits[i] = (uint32_t)i;
    }
    return kc_call(k, &args);
}

static void cost_histogram_search(const int64_t *dim, struct kc_cost *out)
{
    out->bytes = 4.0 * (double)dim[0] * BIT_HISTOGRAM_BINS;
    out->flops = 0;
}

static const struct kc_shape histogram_search_shapes[] = {
    {KC_QUICK, {1, 1}}, {KC_QUICK, {4, 1000}}, {KC_BENCH, {64, 1000}}};
KC_OP(histogram_search, "count most", histogram_search_shapes, check_histogram_search, cost_histogram_search,
      KC_DETERMINISTIC)

static int check_weight_scale(struct kc *k, const int64_t *dim)
{
    const int64_t count = dim[0], ranks = dim[1];
    double *sums = kc_room(k, "sums", KC_F64, count * BIT_MAX(ranks, 1));
    int64_t *elements = kc_in_whole(k, "elements", KC_U64, count, 1, 1 << 24);
    const struct bit_weight_scale_args args = {
        .count = count,
        .ranks = (int)ranks,
        .sums = ranks > 0 ? sums : NULL,
        .elements = elements,
        .bits = kc_in_whole(k, "bits", KC_I32, count, 0x35000000, 0x3f000000),
        .eps = 1e-5f,
        .scale = kc_out(k, "scale", KC_F32, count, KC_EXACT),
    };

    for (int64_t i = 0; i < count * BIT_MAX(ranks, 1); i++)
        sums[i] = (double)elements[i % count] * 0.02 / (double)(i + 1);
    return kc_call(k, &args);
}

static void cost_weight_scale(const int64_t *dim, struct kc_cost *out)
{
    out->bytes = (double)dim[0] * (double)(8 * dim[1] + 16);
    out->flops = 0;
}

static const struct kc_shape weight_scale_shapes[] = {
    {KC_QUICK, {1, 1}}, {KC_QUICK, {5, 0}}, {KC_QUICK, {113, 3}}, {KC_BENCH, {112, 8}}};
KC_OP(weight_scale, "count ranks", weight_scale_shapes, check_weight_scale, cost_weight_scale, KC_DETERMINISTIC)

static int check_pack(struct kc *k, const int64_t *dim)
{
    const int64_t bytes = (dim[0] + 3) / 4;
    const int8_t *before = kc_in_whole(k, "before", KC_I8, dim[0], -1, 1);
    uint8_t *packed = dim[1] ? kc_sum(k, "packed", KC_U8, bytes, KC_EXACT)
                             : kc_out(k, "packed", KC_U8, bytes, KC_EXACT);
    const struct bit_pack_codes_args args = {
        .count = dim[0],
        .codes = kc_in_whole(k, "codes", KC_I8, dim[0], -1, 1),
        .packed = packed,
        .flips = dim[1] ? kc_sum(k, "flips", KC_U64, 1, KC_EXACT) : NULL,
    };

    if (dim[1])
        bit_pack_codes_host(before, dim[0], packed);
    return kc_call(k, &args);
}

static void cost_pack(const int64_t *dim, struct kc_cost *out)
{
    out->bytes = (dim[1] ? 1.5 : 1.25) * (double)dim[0];
    out->flops = 0;
}

static const struct kc_shape pack_shapes[] = {
    {KC_QUICK, {0, 0}},     {KC_QUICK, {1, 0}},     {KC_QUICK, {3, 1}},        {KC_QUICK, {70002, 0}},
    {KC_QUICK, {70002, 1}}, {KC_QUICK, {16384, 1}}, {KC_BENCH, {16777216, 1}},
};
KC_OP(pack_codes, "count flips", pack_shapes, check_pack, cost_pack, KC_DETERMINISTIC)

/* dim[1]: random bytes, some with invalid codes. Then only the number of invalid codes is compared. */
static int check_unpack(struct kc *k, const int64_t *dim)
{
    const int64_t count = dim[0], bytes = (count + 3) / 4;
    uint8_t *packed = kc_in_whole(k, "packed", KC_U8, bytes, 0, 255);
    const struct bit_unpack_codes_args args = {
        .count = count,
        .packed = packed,
        .codes = kc_out(k, "codes", KC_I8, count, dim[1] ? KC_NEAR(0, 1000) : KC_EXACT),
        .bad = kc_sum(k, "bad", KC_U64, 1, KC_EXACT),
    };

    for (int64_t i = 0; i < bytes && !dim[1]; i++)
        packed[i] &= (uint8_t) ~(packed[i] >> 1 & 0x55);
    return kc_call(k, &args);
}

static void cost_unpack(const int64_t *dim, struct kc_cost *out)
{
    out->bytes = 1.25 * (double)dim[0];
    out->flops = 0;
}

static const struct kc_shape unpack_shapes[] = {
    {KC_QUICK, {0, 0}}, {KC_QUICK, {1, 0}}, {KC_QUICK, {70002, 0}}, {KC_QUICK, {70002, 1}}, {KC_BENCH, {16777216, 0}},
};
KC_OP(unpack_codes, "count bad", unpack_shapes, check_unpack, cost_unpack, KC_DETERMINISTIC)
