/* SwiGLU, casts, rotary positions and the embedding: operators whose every output depends on a few inputs. */
#include "kernels/cast.h"
#include "kernels/embed.h"
#include "kernels/rope.h"
#include "kernels/swiglu.h"
#include "proto/check.h"
#include "tests/kcheck/kcheck.h"

/* The exponential is accurate to 1e-7, and a few f32 roundings of 6e-8 follow. 1 - s of a sigmoid near one cancels, but
 * is multiplied by at most the gate: hence the absolute part. */
#define FEW_ROUNDINGS KC_NEAR(1e-6, 1e-6)

static double float_bytes(int64_t dtype)
{
    return (double)bit_dtype_bytes((enum bit_dtype)dtype);
}

static int check_swiglu(struct kc *k, const int64_t *dim)
{
    const int64_t rows = dim[0], cols = dim[1];
    const enum bit_dtype dtype = (enum bit_dtype)dim[2];
    const struct bit_swiglu_args args = {
        .rows = rows,
        .cols = cols,
        .ug = kc_in(k, "ug", dtype, rows * 2 * cols, 3),
        .y = kc_out(k, "y", (enum kc_type)dtype, rows * cols, FEW_ROUNDINGS),
        .dtype = dtype,
    };

    return kc_call(k, &args);
}

static void cost_swiglu(const int64_t *dim, struct kc_cost *out)
{
    out->bytes = 3.0 * (double)(dim[0] * dim[1]) * float_bytes(dim[2]);
    out->flops = 0;
}

static const struct kc_shape swiglu_shapes[] = {
    {KC_QUICK, {0, 4, BIT_F32}},        {KC_QUICK, {1, 1, BIT_BF16}},        {KC_QUICK, {3, 17, BIT_F32}},
    {KC_QUICK, {5, 683, BIT_BF16}},     {KC_QUICK, {2, 8192, BIT_F32}},      {KC_FULL, {2047, 1000, BIT_BF16}},
    {KC_QUICK, {3, 4104, BIT_BF16}},    {KC_FULL, {300, 8192, BIT_BF16}},    {KC_BENCH, {8192, 1024, BIT_BF16}},
    {KC_BENCH, {2048, 8192, BIT_BF16}}, {KC_LARGE, {16384, 8192, BIT_BF16}},
};
KC_OP(swiglu, "rows cols dtype:t", swiglu_shapes, check_swiglu, cost_swiglu, KC_DETERMINISTIC)

static int check_swiglu_backward(struct kc *k, const int64_t *dim)
{
    const int64_t rows = dim[0], cols = dim[1];
    const enum bit_dtype dtype = (enum bit_dtype)dim[2];
    /* In place: the gradient overwrites ug. */
    void *ug = dim[4] ? kc_inout(k, "ug", dtype, rows * 2 * cols, 3, KC_NEAR(2e-6, 4e-6))
                      : kc_in(k, "ug", dtype, rows * 2 * cols, 3);
    const struct bit_swiglu_backward_args args = {
        .rows = rows,
        .cols = cols,
        .ug = ug,
        .dy = kc_in(k, "dy", (enum bit_dtype)dim[3], rows * cols, 1),
        .dy_dtype = (enum bit_dtype)dim[3],
        .dug = dim[4] ? ug : kc_out(k, "dug", (enum kc_type)dtype, rows * 2 * cols, KC_NEAR(2e-6, 4e-6)),
        .dtype = dtype,
        .y = dim[5] ? kc_out(k, "y", (enum kc_type)dtype, rows * cols, FEW_ROUNDINGS) : NULL,
    };

    return kc_call(k, &args);
}

static void cost_swiglu_backward(const int64_t *dim, struct kc_cost *out)
{
    out->bytes = (double)(dim[0] * dim[1]) * ((dim[5] ? 5.0 : 4.0) * float_bytes(dim[2]) + float_bytes(dim[3]));
    out->flops = 0;
}

static const struct kc_shape swiglu_backward_shapes[] = {
    {KC_QUICK, {1, 1, BIT_F32, BIT_F32, 0, 0}},         {KC_QUICK, {3, 17, BIT_F32, BIT_BF16, 1, 0}},
    {KC_QUICK, {5, 683, BIT_BF16, BIT_BF16, 0, 0}},     {KC_QUICK, {5, 683, BIT_BF16, BIT_F32, 1, 0}},
    {KC_QUICK, {2, 8192, BIT_F32, BIT_F32, 1, 0}},      {KC_FULL, {2047, 1000, BIT_BF16, BIT_BF16, 0, 0}},
    {KC_QUICK, {3, 4104, BIT_BF16, BIT_BF16, 1, 0}},    {KC_FULL, {300, 8192, BIT_BF16, BIT_BF16, 1, 0}},
    {KC_BENCH, {8192, 1024, BIT_BF16, BIT_BF16, 0, 0}}, {KC_LARGE, {16384, 8192, BIT_BF16, BIT_BF16, 1, 0}},
    {KC_QUICK, {1, 1, BIT_BF16, BIT_BF16, 1, 1}},       {KC_QUICK, {3, 17, BIT_F32, BIT_BF16, 1, 1}},
    {KC_QUICK, {5, 683, BIT_BF16, BIT_F32, 0, 1}},      {KC_QUICK, {2, 8192, BIT_F32, BIT_F32, 1, 1}},
    {KC_QUICK, {3, 4104, BIT_BF16, BIT_BF16, 1, 1}},    {KC_FULL, {300, 8192, BIT_BF16, BIT_BF16, 1, 1}},
    {KC_BENCH, {8192, 1024, BIT_BF16, BIT_BF16, 1, 1}}, {KC_LARGE, {16384, 8192, BIT_BF16, BIT_BF16, 1, 1}},
};
KC_OP(swiglu_backward, "rows cols dtype:t dy:t in_place y", swiglu_backward_shapes, check_swiglu_backward,
      cost_swiglu_backward, KC_DETERMINISTIC)

static int check_cast(struct kc *k, const int64_t *dim)
{
    const enum bit_dtype y_dtype = (enum bit_dtype)dim[2];
    const int accumulate = (int)dim[4];
    /* One product and one sum, rounded once by the reference and at most twice here; exact if the scale is 1. */
    const bool exact = dim[3] == 1 && !accumulate;
    const struct kc_near near = exact ? KC_EXACT_NORMAL : KC_NEAR(0x1p-22, 0x1p-22);
    const struct bit_cast_args args = {
        .count = dim[0],
        .x = kc_in(k, "x", (enum bit_dtype)dim[1], dim[0], 2),
        .x_dtype = (enum bit_dtype)dim[1],
        .y = accumulate ? kc_inout(k, "y", y_dtype, dim[0], 1, near)
                        : kc_out(k, "y", (enum kc_type)y_dtype, dim[0], near),
        .y_dtype = y_dtype,
        .scale = dim[3] == 1 ? 1.0f : 1.0f / (float)dim[3],
        .accumulate = accumulate,
    };

    return kc_call(k, &args);
}

static void cost_cast(const int64_t *dim, struct kc_cost *out)
{
    out->bytes = (double)dim[0] * (float_bytes(dim[1]) + float_bytes(dim[2]) * (dim[4] ? 2 : 1));
    out->flops = 0;
}

static const struct kc_shape cast_shapes[] = {
    {KC_QUICK, {0, BIT_F32, BIT_BF16, 1, 0}},       {KC_QUICK, {1, BIT_F32, BIT_BF16, 1, 0}},
    {KC_QUICK, {1003, BIT_F32, BIT_BF16, 1, 0}},    {KC_QUICK, {1003, BIT_BF16, BIT_F32, 1, 0}},
    {KC_QUICK, {1003, BIT_BF16, BIT_BF16, 3, 0}},   {KC_QUICK, {70001, BIT_F32, BIT_F32, 3, 1}},
    {KC_QUICK, {70001, BIT_BF16, BIT_F32, 7, 1}},   {KC_FULL, {1 << 20, BIT_F32, BIT_F32, 3, 0}},
    {KC_BENCH, {1 << 24, BIT_F32, BIT_BF16, 1, 0}}, {KC_BENCH, {1 << 24, BIT_F32, BIT_F32, 2, 1}},
};
KC_OP(cast, "count x:t y:t inverse_scale accumulate", cast_shapes, check_cast, cost_cast, KC_DETERMINISTIC)

/* dim: batch time heads head_dim dtype clip(hundredths) */
static int check_rope(struct kc *k, const int64_t *dim)
{
    const int64_t count = dim[0] * dim[1] * 3 * dim[2] * dim[3];
    float *table = kc_room(k, "cos_sin", KC_F32, dim[1] * dim[3]);
    const struct bit_rope_args args = {
        .batch = dim[0],
        .time = dim[1],
        .heads = dim[2],
        .head_dim = dim[3],
        .clip = (float)dim[5] / 100,
        .cos_sin = table,
        /* The larger of the two products may cancel against the other: an absolute bound of a few roundings. */
        .qkv = kc_inout(k, "qkv", (enum bit_dtype)dim[4], count, 2, KC_NEAR(2e-7, 1e-6)),
        .dtype = (enum bit_dtype)dim[4],
        .mask = dim[5] > 0 ? kc_out(k, "mask", KC_U8, (count + 7) / 8, KC_EXACT) : NULL,
    };

    bit_rope_table(dim[1], dim[3], 10000, table);
    return kc_call(k, &args);
}

static void cost_rope(const int64_t *dim, struct kc_cost *out)
{
    const double parts = dim[5] > 0 ? 3 : 2; /* only the clamp changes v */

    out->bytes = 2 * parts * (double)(dim[0] * dim[1] * dim[2] * dim[3]) * float_bytes(dim[4]);
    out->flops = 0;
}

static const struct kc_shape rope_shapes[] = {
    {KC_QUICK, {1, 1, 1, 2, BIT_F32, 0}},        {KC_QUICK, {2, 5, 1, 2, BIT_BF16, 150}},
    {KC_QUICK, {2, 7, 3, 6, BIT_F32, 150}},      {KC_QUICK, {1, 33, 2, 32, BIT_BF16, 0}},
    {KC_QUICK, {2, 9, 2, 80, BIT_BF16, 300}},    {KC_QUICK, {1, 17, 2, 128, BIT_F32, 0}},
    {KC_FULL, {2, 2047, 3, 64, BIT_F32, 100}},   {KC_BENCH, {4, 2048, 8, 32, BIT_BF16, 0}},
    {KC_BENCH, {1, 2048, 16, 128, BIT_BF16, 0}}, {KC_BENCH, {1, 2048, 16, 128, BIT_BF16, 800}},
    {KC_QUICK, {3, 5, 3, 128, BIT_BF16, 150}},   {KC_QUICK, {2, 9, 2, 2048, BIT_BF16, 0}},
    {KC_FULL, {1, 2047, 16, 128, BIT_BF16, 0}},  {KC_LARGE, {8, 2048, 16, 128, BIT_BF16, 0}},
};
KC_OP(rope, "batch time heads head_dim dtype:t clip_percent", rope_shapes, check_rope, cost_rope, KC_DETERMINISTIC)

static int check_rope_backward(struct kc *k, const int64_t *dim)
{
    const int64_t count = dim[0] * dim[1] * 3 * dim[2] * dim[3];
    float *table = kc_room(k, "cos_sin", KC_F32, dim[1] * dim[3]);
    const struct bit_rope_backward_args args = {
        .batch = dim[0],
        .time = dim[1],
        .heads = dim[2],
        .head_dim = dim[3],
        .cos_sin = table,
        .dqkv = kc_inout(k, "dqkv", (enum bit_dtype)dim[4], count, 2, KC_NEAR(2e-7, 1e-6)),
        .dtype = (enum bit_dtype)dim[4],
        .mask = dim[5] > 0 ? kc_in_whole(k, "mask", KC_U8, (count + 7) / 8, 0, 255) : NULL,
    };

    if (args.mask != NULL && count % 8 != 0) /* clears the bits after the last element, as the forward pass does */
        ((uint8_t *)(uintptr_t)args.mask)[count / 8] &= (uint8_t)((1u << (count % 8)) - 1);
    bit_rope_table(dim[1], dim[3], 10000, table);
    return kc_call(k, &args);
}

KC_OP(rope_backward, "batch time heads head_dim dtype:t clip_percent", rope_shapes, check_rope_backward, cost_rope,
      KC_DETERMINISTIC)

static int check_embed(struct kc *k, const int64_t *dim)
{
    const struct bit_embed_args args = {
        .rows = dim[0],
        .cols = dim[1],
        .vocab = dim[2],
        .ids = kc_in_whole(k, "ids", KC_U32, dim[0], 0, dim[2] - 1),
        .table = kc_in(k, "table", (enum bit_dtype)dim[3], dim[1] * dim[2], 1),
        .table_dtype = (enum bit_dtype)dim[3],
        .y = kc_out(k, "y", (enum kc_type)dim[4], dim[0] * dim[1], KC_EXACT_NORMAL),
        .y_dtype = (enum bit_dtype)dim[4],
    };

    return kc_call(k, &args);
}

static void cost_embed(const int64_t *dim, struct kc_cost *out)
{
    out->bytes = (double)(dim[0] * dim[1]) * (float_bytes(dim[3]) + float_bytes(dim[4]));
    out->flops = 0;
}

/* y is the embedding's output, dy its gradient. */
static const struct kc_shape embed_shapes[] = {
    {KC_QUICK, {0, 8, 3, BIT_F32, BIT_F32}},
    {KC_QUICK, {1, 1, 1, BIT_F32, BIT_F32}},
    {KC_QUICK, {70, 17, 5, BIT_BF16, BIT_F32}},
    {KC_QUICK, {70, 17, 5, BIT_BF16, BIT_BF16}},
    {KC_QUICK, {70, 33, 5, BIT_F32, BIT_BF16}},
    {KC_QUICK, {5, 2048, 300, BIT_F32, BIT_F32}},
    {KC_QUICK, {5, 2048, 300, BIT_F32, BIT_BF16}},
    {KC_QUICK, {99, 256, 65536, BIT_F32, BIT_F32}},
    {KC_QUICK, {300, 33, 128256, BIT_BF16, BIT_F32}},
    {KC_BENCH, {8192, 256, 50304, BIT_F32, BIT_F32}},
    {KC_QUICK, {300, 516, 2, BIT_BF16, BIT_F32}},
    {KC_QUICK, {300, 516, 2, BIT_BF16, BIT_BF16}},
    {KC_FULL, {2047, 2048, 50304, BIT_BF16, BIT_F32}},
    {KC_LARGE, {16384, 2048, 50304, BIT_BF16, BIT_F32}},
    {KC_LARGE, {16384, 2048, 50304, BIT_BF16, BIT_BF16}},
};
KC_OP(embed, "rows cols vocab table:t y:t", embed_shapes, check_embed, cost_embed, KC_DETERMINISTIC)

static int check_embed_backward(struct kc *k, const int64_t *dim)
{
    const struct bit_embed_backward_args args = {
        .rows = dim[0],
        .cols = dim[1],
        .vocab = dim[2],
        .ids = kc_in_whole(k, "ids", KC_U32, dim[0], 0, dim[2] - 1),
        .dy = kc_in(k, "dy", (enum bit_dtype)dim[4], dim[0] * dim[1], 1),
        .dy_dtype = (enum bit_dtype)dim[4],
        .dtable = kc_inout(k, "dtable", BIT_F32, dim[1] * dim[2], 1, KC_EXACT),
    };

    kc_workspace(k, bit_embed_backward_workspace(kc_backend(k), dim[0], dim[2]));
    return kc_call(k, &args);
}

static void cost_embed_backward(const int64_t *dim, struct kc_cost *out)
{
    out->bytes = (8 + float_bytes(dim[4])) * (double)(dim[0] * dim[1]);
    out->flops = 0;
}

KC_OP(embed_backward, "rows cols vocab table:t y:t", embed_shapes, check_embed_backward, cost_embed_backward,
      KC_DETERMINISTIC)
