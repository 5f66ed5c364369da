/* Targets, cross entropy, and the sum of losses. */
#include "kernels/sum.h"
#include "kernels/xent.h"
#include "proto/check.h"
#include "proto/limits.h"
#include "tests/kcheck/kcheck.h"

/*
 * The sum of V exponentials, each accurate to 3e-7 and added in f32 over at least V/64 terms per lane, has a relative
 * error of at most 2e-6, and so has its logarithm; adding the maximum rounds to 2^-24 of itself. Each gradient has the
 * sum's error and that of its own exponential, whose argument of up to 20 has an error of 20 2^-24.
 */
#define LOSS_ERROR KC_NEAR(4e-6, 4e-6)

static void fill_targets(int32_t *target, const uint32_t *drawn, int64_t rows, int64_t vocab)
{
    for (int64_t r = 0; r < rows; r++)
        target[r] = r % 7 == 3 ? BIT_TARGETS_IGNORE : (int32_t)(drawn[r] % vocab);
    if (rows > 1)
        target[1] = (int32_t)vocab - 1;
}

/* dim[4]: 0 no gradient, 1 a separate one, 2 in place of the logits */
static int check_xent(struct kc *k, const int64_t *dim)
{
    const int64_t rows = dim[0], vocab = dim[1];
    const struct kc_near near = {.rel = 8e-6, .abs = 1e-9};
    int32_t *target = kc_room(k, "target", KC_I32, rows);
    const uint32_t *drawn = kc_in_whole(k, "drawn", KC_U32, rows, 0, 65535);
    void *logits = dim[4] == 2 ? kc_inout(k, "logits", (enum bit_dtype)dim[2], rows * vocab, 5, near)
                               : kc_in(k, "logits", (enum bit_dtype)dim[2], rows * vocab, 5);
    const struct bit_xent_args args = {
        .rows = rows,
        .vocab = vocab,
        .logits = logits,
        .logits_dtype = (enum bit_dtype)dim[2],
        .target = target,
        .loss = kc_out(k, "loss", KC_F32, rows, LOSS_ERROR),
        .grad = dim[4] == 0   ? NULL
                : dim[4] == 1 ? kc_out(k, "grad", (enum kc_type)dim[3], rows * vocab, near)
                              : logits,
        .grad_dtype = (enum bit_dtype)dim[3],
        .grad_scale = 1.0f / 64,
    };

    fill_targets(target, drawn, rows, vocab);
    return kc_call(k, &args);
}

static void cost_xent(const int64_t *dim, struct kc_cost *out)
{
    const double grad = dim[4] == 0 ? 0 : (double)bit_dtype_bytes((enum bit_dtype)dim[3]);

    out->bytes = (double)(dim[0] * dim[1]) * ((double)bit_dtype_bytes((enum bit_dtype)dim[2]) + grad);
    out->flops = 0;
}

static const struct kc_shape shapes[] = {
    {KC_QUICK, {0, 3, BIT_F32, BIT_F32, 1}},          {KC_QUICK, {1, 1, BIT_F32, BIT_F32, 1}},
    {KC_QUICK, {9, 37, BIT_F32, BIT_F32, 2}},         {KC_QUICK, {9, 37, BIT_BF16, BIT_BF16, 2}},
    {KC_QUICK, {4, 1000, BIT_BF16, BIT_F32, 1}},      {KC_QUICK, {5, 50304, BIT_BF16, BIT_BF16, 2}},
    {KC_QUICK, {5, 50280, BIT_F32, BIT_BF16, 1}},     {KC_QUICK, {5, 50304, BIT_F32, BIT_F32, 0}},
    {KC_FULL, {67, 65536, BIT_F32, BIT_F32, 2}},      {KC_BENCH, {512, 50304, BIT_BF16, BIT_BF16, 2}},
    {KC_BENCH, {512, 50304, BIT_F32, BIT_F32, 2}},    {KC_QUICK, {3, 50304, BIT_BF16, BIT_F32, 1}},
    {KC_QUICK, {3, 120000, BIT_BF16, BIT_BF16, 2}},   {KC_QUICK, {3, 40008, BIT_F32, BIT_BF16, 1}},
    {KC_LARGE, {1024, 50304, BIT_BF16, BIT_BF16, 2}}, {KC_LARGE, {8192, 50304, BIT_BF16, BIT_BF16, 2}},
};
KC_OP(xent, "rows vocab logits:t grad:t gradient", shapes, check_xent, cost_xent, KC_DETERMINISTIC)

static int check_targets(struct kc *k, const int64_t *dim)
{
    const int64_t count = dim[0] * dim[1];
    const struct bit_targets_args args = {
        .batch = dim[0],
        .time = dim[1],
        .ids = kc_in_whole(k, "ids", KC_U32, count, 0, BIT_VOCAB_MAX - 1),
        .target = kc_out(k, "target", KC_I32, count, KC_EXACT),
    };

    return kc_call(k, &args);
}

static void cost_targets(const int64_t *dim, struct kc_cost *out)
{
    out->bytes = 6.0 * (double)(dim[0] * dim[1]);
    out->flops = 0;
}

static const struct kc_shape targets_shapes[] = {
    {KC_QUICK, {0, 4}}, {KC_QUICK, {3, 1}}, {KC_QUICK, {1, 2}}, {KC_QUICK, {5, 2047}}, {KC_BENCH, {8, 2048}},
};
KC_OP(targets, "batch time", targets_shapes, check_targets, cost_targets, KC_DETERMINISTIC)

/* Exact, since the contract fixes the order. The operator adds to the value that is there before. */
static int check_sum(struct kc *k, const int64_t *dim)
{
    const struct bit_sum_args args = {
        .count = dim[0],
        .x = kc_in(k, "x", BIT_F32, dim[0], 8),
        .sum = kc_sum(k, "sum", KC_F64, 1, KC_EXACT),
    };

    *args.sum = 0.1;
    return kc_call(k, &args);
}

static void cost_sum(const int64_t *dim, struct kc_cost *out)
{
    out->bytes = 4.0 * (double)dim[0];
    out->flops = 0;
}

static const struct kc_shape sum_shapes[] = {
    {KC_QUICK, {0}},     {KC_QUICK, {1}},     {KC_QUICK, {255}},   {KC_QUICK, {257}},     {KC_QUICK, {16384}},
    {KC_QUICK, {16385}}, {KC_QUICK, {70001}}, {KC_BENCH, {16384}}, {KC_BENCH, {1 << 18}},
};
KC_OP(sum, "count", sum_shapes, check_sum, cost_sum, KC_DETERMINISTIC)
