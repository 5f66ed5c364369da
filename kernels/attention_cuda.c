/* Attention on the GPU: which kernel computes it. */
#include "kernels/attention_cuda.h"

#include <limits.h>

#include "kernels/args.h"
#include "kernels/attention_plan.h"
#include "proto/check.h"

/* The kernels count rows and blocks in int, and a grid has 65535 blocks in its second direction. */
static int check_counts(const char *name, int64_t batch, int64_t time, int64_t heads)
{
    if (time > 1 << 18 || batch * heads * bit_round_up(time, BIT_ATTENTION_TILE) > INT_MAX)
        return bit_fail(-EINVAL, "%s: %lld heads of %lld positions are more than the GPU's kernels count", name,
                        (long long)(batch * heads), (long long)time);
    return 0;
}

static int check_workspace(const struct bit_exec *exec, const char *name, size_t need)
{
    if (exec->workspace_bytes < need)
        return bit_fail(-ENOMEM, "%s: workspace of %zu bytes where %zu are needed", name, exec->workspace_bytes, need);
    return 0;
}

static bool fits_tensor_cores(enum bit_dtype dtype, int64_t head_dim)
{
    return dtype == BIT_BF16 && head_dim <= BIT_ATTENTION_MMA_DIM_MAX;
}

int bit_attention_cuda(const struct bit_exec *exec, const struct bit_attention_args *args)
{
    int err = bit_attention_check(args);

    if (err < 0 || args->batch * args->time * args->heads == 0)
        return err;
    err = check_counts("attention", args->batch, args->time, args->heads);
    if (err < 0)
        return err;
    return fits_tensor_cores(args->dtype, args->head_dim) ? bit_attention_mma(exec, args)
                                                          : bit_attention_plain(exec, args);
}

int bit_attention_backward_cuda(const struct bit_exec *exec, const struct bit_attention_backward_args *args)
{
    float *delta = exec->workspace;
    int err = bit_attention_backward_check(args);

    if (err < 0 || args->batch * args->time * args->heads == 0)
        return err;
    if ((err = check_counts("attention_backward", args->batch, args->time, args->heads)) < 0 ||
        (err = check_workspace(
             exec, "attention_backward",
             bit_attention_backward_workspace_cuda(args->batch, args->time, args->heads, args->head_dim))) < 0 ||
        (err = bit_attention_delta(exec, args, delta)) < 0)
        return err;
    return fits_tensor_cores(args->dtype, args->head_dim) ? bit_attention_mma_backward(exec, args, delta)
                                                          : bit_attention_plain_backward(exec, args, delta);
}
