/* Cross entropy: for each row the maximum, the sum of exponentials, then the gradient from both. The row stays in
 * cache, and computing each exponential twice is cheaper than storing it. */
#include "kernels/xent.h"

#include <math.h>

#include "kernels/args.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/simd.h"

#define LOG2_E 1.44269504f
#define UNROLL 4

static float row_max(const struct bit_xent_args *args, int64_t begin)
{
    const int64_t whole = args->vocab - args->vocab % (UNROLL * BIT_LANES);
    vf max[UNROLL];

    for (int u = 0; u < UNROLL; u++)
        max[u] = vf_set(-INFINITY);
    for (int64_t c = 0; c < whole; c += UNROLL * BIT_LANES)
        for (int u = 0; u < UNROLL; u++)
            max[u] = vf_max(vf_load_as(args->logits, args->logits_dtype, begin + c + u * BIT_LANES), max[u]);
    for (int64_t c = whole; c < args->vocab; c += BIT_LANES)
        max[0] = vf_max(vf_load_upto(args->logits, args->logits_dtype, begin + c, args->vocab - c, -INFINITY), max[0]);
    return vf_largest(vf_max(vf_max(max[0], max[1]), vf_max(max[2], max[3])));
}

/* row_max ignores NaN, but here it makes the sum NaN. */
static float row_sum(const struct bit_xent_args *args, int64_t begin, float max)
{
    const int64_t whole = args->vocab - args->vocab % (UNROLL * BIT_LANES);
    vf sum[UNROLL];

    for (int u = 0; u < UNROLL; u++)
        sum[u] = vf_set(0);
    for (int64_t c = 0; c < whole; c += UNROLL * BIT_LANES)
        for (int u = 0; u < UNROLL; u++)
            sum[u] += vf_exp2((vf_load_as(args->logits, args->logits_dtype, begin + c + u * BIT_LANES) - max) * LOG2_E);
    for (int64_t c = whole; c < args->vocab; c += BIT_LANES)
        sum[0] += vf_exp2(
            (vf_load_upto(args->logits, args->logits_dtype, begin + c, args->vocab - c, -INFINITY) - max) * LOG2_E);
    return vf_sum((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

static void row_gradient(const struct bit_xent_args *args, int64_t begin, float max, float sum)
{
    const float factor = args->grad_scale / sum;

    for (int64_t c = 0; c < args->vocab; c += BIT_LANES) {
        const int64_t left = args->vocab - c;
        const vf x = vf_load_upto(args->logits, args->logits_dtype, begin + c, left, 0);
        vf_store_upto(args->grad, args->grad_dtype, begin + c, left, vf_exp2((x - max) * LOG2_E) * factor);
    }
}

static void row_zero(const struct bit_xent_args *args, int64_t begin)
{
    const size_t size = bit_dtype_bytes(args->grad_dtype);

    memset((uint8_t *)args->grad + (size_t)begin * size, 0, (size_t)args->vocab * size);
}

static void xent_row(const struct bit_xent_args *args, int64_t r)
{
    const int64_t begin = r * args->vocab, target = args->target[r];

    if (target == BIT_TARGETS_IGNORE) {
        args->loss[r] = 0;
        if (args->grad != NULL)
            row_zero(args, begin);
        return;
    }
    /* The target's own gradient is written last, from f32: p - 1 of a p rounded to bf16 would lose its precision. */
    const float at_target = bit_element(args->logits, args->logits_dtype, begin + target);
    const float max = row_max(args, begin), sum = row_sum(args, begin, max);

    args->loss[r] = (max - at_target) + logf(sum);
    if (args->grad == NULL)
        return;
    row_gradient(args, begin, max, sum);
    bit_element_set(args->grad, args->grad_dtype, begin + target, (expf(at_target - max) / sum - 1) * args->grad_scale);
}

int BIT_ISA(xent)(const struct bit_exec *exec, const struct bit_xent_args *args)
{
    int err = bit_xent_check(args);

    if (err >= 0)
        err = bit_xent_check_targets(args);
    if (err < 0)
        return err;
#pragma omp parallel for num_threads(exec->threads) schedule(static)
    for (int64_t r = 0; r < args->rows; r++)
        xent_row(args, r);
    return 0;
}
