/* Causal attention, both passes. */
#include "config.h"
#include "kernels/attention.h"
#include "proto/check.h"
#include "tests/kcheck/kcheck.h"

/*
 * With f32 operands: sums over at most a few thousand keys in f32, and an exponential good to 3e-7 whose argument may
 * be 20 units of 2^-24 off: 1e-5 of the largest value. With bf16 operands each probability (forward), and each
 * probability and score gradient (backward), is rounded to bf16 before its product, 2^-9 of itself, and such errors add
 * up to at most 2^-9 of the sum of magnitudes; that sum is a few times the largest result: 2^-6 of it. For the backward
 * pass the rounding of `out` in delta adds the same again, for both sides alike.
 */
#define OF_MAX_F32  2e-5
#define OF_MAX_BF16 0x1p-6

static struct kc_near near_for(enum bit_dtype dtype)
{
    return KC_OF_MAX(dtype == BIT_F32 ? OF_MAX_F32 : OF_MAX_BF16, 0);
}

/* Tensor cores truncate sums of products: an error of a few units of 2^-23 of the sum of magnitudes. */
static struct kc_near lse_near_for(enum bit_dtype dtype)
{
    return dtype == BIT_F32 ? KC_NEAR(2e-6, 2e-6) : KC_NEAR(2e-6, 2e-5);
}

static size_t workspace_for(const struct kc *k, const int64_t *dim)
{
    if (kc_backend(k) == BIT_BACKEND_CUDA)
        return bit_attention_workspace_cuda(dim[0], dim[1], dim[2], dim[3]);
    return bit_attention_workspace(kc_threads(k), dim[0], dim[1], dim[2], dim[3]);
}

static size_t backward_workspace_for(const struct kc *k, const int64_t *dim, bool deterministic)
{
    if (kc_backend(k) == BIT_BACKEND_CUDA)
        return bit_attention_backward_workspace_cuda(dim[0], dim[1], dim[2], dim[3], deterministic);
    return bit_attention_backward_workspace(kc_threads(k), dim[0], dim[1], dim[2], dim[3]);
}

static int check_attention(struct kc *k, const int64_t *dim)
{
    const int64_t rows = dim[0] * dim[1], head = dim[2] * dim[3];
    const enum bit_dtype dtype = (enum bit_dtype)dim[4];
    const struct bit_attention_args args = {
        .batch = dim[0],
        .time = dim[1],
        .heads = dim[2],
        .head_dim = dim[3],
        .qkv = kc_in(k, "qkv", dtype, rows * 3 * head, 1.5),
        .out = kc_out(k, "out", (enum kc_type)dtype, rows * head, near_for(dtype)),
        .lse = kc_out(k, "lse", KC_F32, rows * dim[2], lse_near_for(dtype)),
        .dtype = dtype,
    };

    kc_workspace(k, workspace_for(k, dim));
    return kc_call(k, &args);
}

/* Two products over half of the (T, T) square. */
static void cost_attention(const int64_t *dim, struct kc_cost *out)
{
    const double square = (double)dim[0] * (double)dim[2] * (double)dim[1] * (double)(dim[1] + 1) / 2;

    out->flops = 2 * 2 * square * (double)dim[3];
    out->multiplied = (enum bit_dtype)dim[4];
    out->bytes = 4.0 * (double)(dim[0] * dim[1] * dim[2] * dim[3]) * (double)bit_dtype_bytes((enum bit_dtype)dim[4]);
}

static const struct kc_shape shapes[] = {
    {KC_QUICK, {1, 1, 1, 2, BIT_F32}},       {KC_QUICK, {1, 1, 2, 32, BIT_BF16}},
    {KC_QUICK, {2, 5, 1, 6, BIT_BF16}},      {KC_QUICK, {1, 63, 3, 16, BIT_F32}},
    {KC_QUICK, {1, 64, 1, 32, BIT_BF16}},    {KC_QUICK, {2, 65, 2, 64, BIT_BF16}},
    {KC_QUICK, {1, 130, 2, 128, BIT_F32}},   {KC_QUICK, {1, 193, 1, 128, BIT_BF16}},
    {KC_QUICK, {1, 257, 1, 80, BIT_BF16}},   {KC_QUICK, {1, 67, 1, 256, BIT_BF16}},
    {KC_QUICK, {1, 70, 1, 256, BIT_F32}},    {KC_QUICK, {8, 1, 16, 128, BIT_BF16}},
    {KC_QUICK, {3, 70, 7, 34, BIT_BF16}},    {KC_QUICK, {1, 385, 1, 64, BIT_BF16}},
    {KC_FULL, {1, 2047, 1, 32, BIT_BF16}},   {KC_FULL, {1, 1000, 2, 64, BIT_F32}},
    {KC_FULL, {1, 600, 3, 128, BIT_BF16}},   {KC_FULL, {8, 129, 16, 64, BIT_BF16}},
    {KC_FULL, {1, 2047, 2, 128, BIT_BF16}},  {KC_FULL, {1, 2048, 1, 64, BIT_BF16}},
    {KC_BENCH, {4, 2048, 8, 32, BIT_BF16}},  {KC_BENCH, {4, 2048, 8, 64, BIT_BF16}},
    {KC_BENCH, {4, 2048, 8, 128, BIT_BF16}}, {KC_BENCH, {1, 2048, 8, 32, BIT_F32}},
    {KC_HUGE, {8, 2048, 16, 128, BIT_BF16}},
};
#define DIM_NAMES "batch time heads head_dim dtype:t"

KC_OP(attention, DIM_NAMES, shapes, check_attention, cost_attention, KC_DETERMINISTIC | KC_COSTLY)

static int run_way(const struct bit_exec *exec, const void *args, enum bit_attention_way way)
{
    struct bit_exec one = *exec;

    one.attention = way;
    return bit_attention(&one, args);
}

static int run_own(const struct bit_exec *exec, const void *args)
{
    return run_way(exec, args, BIT_ATTENTION_OWN);
}
KC_WAY(attention_own, attention, DIM_NAMES, shapes, check_attention, run_own, cost_attention,
       KC_DETERMINISTIC | KC_COSTLY | KC_DEVICE_ONLY)

static int check_backward(struct kc *k, const int64_t *dim, bool deterministic)
{
    const int64_t rows = dim[0] * dim[1], head = dim[2] * dim[3];
    const enum bit_dtype dtype = (enum bit_dtype)dim[4];
    const struct bit_attention_args forward = {
        .batch = dim[0],
        .time = dim[1],
        .heads = dim[2],
        .head_dim = dim[3],
        .qkv = kc_in(k, "qkv", dtype, rows * 3 * head, 1.5),
        .out = kc_room(k, "out", (enum kc_type)dtype, rows * head),
        .lse = kc_room(k, "lse", KC_F32, rows * dim[2]),
        .dtype = dtype,
    };

    kc_workspace(k, bit_attention_workspace(kc_prepare_exec(k)->threads, dim[0], dim[1], dim[2], dim[3]));
    if (bit_attention(kc_prepare_exec(k), &forward) < 0)
        return -1;
    const struct bit_attention_backward_args args = {
        .batch = dim[0],
        .time = dim[1],
        .heads = dim[2],
        .head_dim = dim[3],
        .qkv = forward.qkv,
        .out = forward.out,
        .lse = forward.lse,
        .dout = kc_in(k, "dout", dtype, rows * head, 1),
        .dqkv = kc_out(k, "dqkv", (enum kc_type)dtype, rows * 3 * head, near_for(dtype)),
        .dtype = dtype,
    };
    kc_workspace(k, backward_workspace_for(k, dim, deterministic));
    return kc_call(k, &args);
}

static int check_attention_backward(struct kc *k, const int64_t *dim)
{
    return check_backward(k, dim, true);
}

/* Five products. */
static void cost_attention_backward(const int64_t *dim, struct kc_cost *out)
{
    cost_attention(dim, out);
    out->flops *= 2.5;
    out->bytes *= 2;
}

KC_OP(attention_backward, DIM_NAMES, shapes, check_attention_backward, cost_attention_backward,
      KC_DETERMINISTIC | KC_COSTLY)

static int run_backward_way(const struct bit_exec *exec, const void *args, enum bit_attention_way way,
                            bool deterministic)
{
    struct bit_exec one = *exec;

    one.attention = way;
    one.deterministic = deterministic;
    return bit_attention_backward(&one, args);
}

static int run_own_backward(const struct bit_exec *exec, const void *args)
{
    return run_backward_way(exec, args, BIT_ATTENTION_OWN, true);
}
KC_WAY(attention_backward_own, attention_backward, DIM_NAMES, shapes, check_attention_backward, run_own_backward,
       cost_attention_backward, KC_DETERMINISTIC | KC_COSTLY | KC_DEVICE_ONLY)

#if BIT_HAVE_CUDNN
/* Shapes that cuDNN must accept. Its refusal is a failure here, while the ways above would silently run our own kernels
 * twice. */
static const struct kc_shape cudnn_shapes[] = {
    {KC_QUICK, {1, 128, 2, 32, BIT_BF16}},   {KC_QUICK, {2, 256, 3, 64, BIT_BF16}},
    {KC_QUICK, {1, 384, 2, 128, BIT_BF16}},  {KC_QUICK, {8, 128, 1, 80, BIT_BF16}},
    {KC_FULL, {1, 2048, 1, 128, BIT_BF16}},  {KC_FULL, {2, 1024, 2, 64, BIT_BF16}},
    {KC_HUGE, {8, 2048, 16, 128, BIT_BF16}}, {KC_HUGE, {4, 2048, 8, 64, BIT_BF16}},
};
static const struct kc_shape cudnn_forward_shapes[] = {
    {KC_QUICK, {1, 2, 2, 32, BIT_BF16}},     {KC_QUICK, {2, 65, 3, 64, BIT_BF16}},
    {KC_QUICK, {1, 257, 2, 128, BIT_BF16}},  {KC_QUICK, {8, 128, 1, 80, BIT_BF16}},
    {KC_FULL, {1, 2047, 2, 128, BIT_BF16}},  {KC_FULL, {1, 2048, 1, 64, BIT_BF16}},
    {KC_HUGE, {8, 2048, 16, 128, BIT_BF16}}, {KC_HUGE, {4, 2048, 8, 64, BIT_BF16}},
};

static int run_cudnn(const struct bit_exec *exec, const void *args)
{
    return run_way(exec, args, BIT_ATTENTION_CUDNN);
}
KC_WAY(attention_cudnn, attention, DIM_NAMES, cudnn_forward_shapes, check_attention, run_cudnn, cost_attention,
       KC_DETERMINISTIC | KC_COSTLY | KC_DEVICE_ONLY | KC_ALIGNED)

static int check_fast_backward(struct kc *k, const int64_t *dim)
{
    return check_backward(k, dim, false);
}
static int run_cudnn_backward(const struct bit_exec *exec, const void *args)
{
    return run_backward_way(exec, args, BIT_ATTENTION_CUDNN, false);
}
KC_WAY(attention_backward_cudnn, attention_backward, DIM_NAMES, cudnn_shapes, check_fast_backward, run_cudnn_backward,
       cost_attention_backward, KC_COSTLY | KC_DEVICE_ONLY | KC_ALIGNED)

static int run_same_backward(const struct bit_exec *exec, const void *args)
{
    return run_backward_way(exec, args, BIT_ATTENTION_CUDNN, true);
}
KC_WAY(attention_backward_cudnn_deterministic, attention_backward, DIM_NAMES, cudnn_shapes, check_attention_backward,
       run_same_backward, cost_attention_backward, KC_DETERMINISTIC | KC_COSTLY | KC_DEVICE_ONLY | KC_ALIGNED)
#endif
