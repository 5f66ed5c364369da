/* Attention on the GPU: which kernels compute it. */
#include "kernels/cuda/attention/attention.h"

#include <limits.h>
#include <stdio.h>

#include "config.h"
#include "kernels/args.h"
#include "kernels/attention_plan.h"
#include "kernels/cuda/attention/attention_cudnn.h"
#include "kernels/exec/backend.h"
#include "proto/check.h"

#define CUDNN_ALIGN 16

/* The kernels count rows and blocks in int, and a grid has at most 65535 blocks in its second dimension. */
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

/* ---- the choice */

#if !BIT_HAVE_CUDNN
const struct bit_cudnn_attention *bit_cudnn_attention_plan(struct bit_gpu *gpu,
                                                           const struct bit_cudnn_attention_shape *shape,
                                                           const char **why)
{
    (void)gpu, (void)shape;
    *why = "this build has no cuDNN";
    return NULL;
}

size_t bit_cudnn_attention_workspace(const struct bit_cudnn_attention *plan)
{
    (void)plan;
    return 0;
}

int bit_cudnn_attention(struct bit_gpu *gpu, const struct bit_cudnn_attention *plan,
                        const struct bit_attention_args *args, void *workspace)
{
    (void)gpu, (void)plan, (void)args, (void)workspace;
    return bit_fail(-ENOTSUP, "no cuDNN");
}

int bit_cudnn_attention_backward(struct bit_gpu *gpu, const struct bit_cudnn_attention *plan,
                                 const struct bit_attention_backward_args *args, void *workspace)
{
    (void)gpu, (void)plan, (void)args, (void)workspace;
    return bit_fail(-ENOTSUP, "no cuDNN");
}
#endif

/* cuDNN's plan, or NULL with the reason why our own kernels are used. */
static const struct bit_cudnn_attention *plan_for(const struct bit_exec *exec,
                                                  const struct bit_cudnn_attention_shape *shape, enum bit_dtype dtype,
                                                  const char **why)
{
    const struct bit_cudnn_attention *plan;

    *why = "requested";
    if (exec->attention == BIT_ATTENTION_OWN)
        return NULL;
    *why = "cuDNN has none in f32";
    if (dtype != BIT_BF16)
        return NULL;
    plan = bit_cudnn_attention_plan(exec->gpu, shape, why);
    if (plan == NULL || bit_cudnn_attention_workspace(plan) <= exec->workspace_bytes)
        return plan;
    *why = "cuDNN asks for more workspace than was planned";
    return NULL;
}

/* Fails if exec->attention requires cuDNN, for the reason `why`; otherwise our own kernels are used. */
static int must_be_own(const struct bit_exec *exec, const char *name, const char *why)
{
    if (exec->attention != BIT_ATTENTION_CUDNN)
        return 0;
    return bit_fail(-ENOTSUP, "%s: cuDNN was required, but cannot be used: %s", name, why);
}

static void describe(const struct bit_exec *exec, const struct bit_cudnn_attention_shape *shape, enum bit_dtype dtype,
                     char *text, size_t bytes)
{
    const char *why;

    if (plan_for(exec, shape, dtype, &why) != NULL)
        snprintf(text, bytes, "%s%s", why, shape->deterministic ? ", deterministic" : "");
    else
        snprintf(text, bytes, "own kernels (%s)", why);
}

int bit_attention_choose_cuda(const struct bit_exec *exec, int64_t batch, int64_t time, int64_t heads, int64_t head_dim,
                              enum bit_dtype dtype, struct bit_attention_choice *out)
{
    struct bit_cudnn_attention_shape shape = {batch, time, heads, head_dim, false, false};

    describe(exec, &shape, dtype, out->forward, sizeof out->forward);
    shape.backward = true;
    shape.deterministic = exec->deterministic;
    describe(exec, &shape, dtype, out->backward, sizeof out->backward);
    return 0;
}

/* ---- the passes */

static bool aligned(const void *const *pointers, int count)
{
    for (int i = 0; i < count; i++)
        if ((uintptr_t)pointers[i] % CUDNN_ALIGN != 0)
            return false;
    return true;
}

int bit_attention_cuda(const struct bit_exec *exec, const struct bit_attention_args *args)
{
    const struct bit_cudnn_attention_shape shape = {args->batch, args->time, args->heads, args->head_dim, false, false};
    const void *const pointers[] = {args->qkv, args->out, args->lse};
    const struct bit_cudnn_attention *plan = NULL;
    const char *why = "buffers are not aligned to 16 bytes";
    int err = bit_attention_check(args);

    if (err < 0 || args->batch * args->time * args->heads == 0)
        return err;
    if ((err = check_counts("attention", args->batch, args->time, args->heads)) < 0)
        return err;
    if (aligned(pointers, BIT_COUNT(pointers)))
        plan = plan_for(exec, &shape, args->dtype, &why);
    if (plan != NULL)
        return bit_cudnn_attention(exec->gpu, plan, args, exec->workspace);
    if ((err = must_be_own(exec, "attention", why)) < 0)
        return err;
    return fits_tensor_cores(args->dtype, args->head_dim) ? bit_attention_mma(exec, args)
                                                          : bit_attention_plain(exec, args);
}

static int own_backward(const struct bit_exec *exec, const struct bit_attention_backward_args *args)
{
    float *delta = exec->workspace;
    int err = check_workspace(exec, "attention_backward",
                              bit_attention_delta_bytes(args->batch, args->time, args->heads));

    if (err < 0 || (err = bit_attention_delta(exec, args, delta)) < 0)
        return err;
    return fits_tensor_cores(args->dtype, args->head_dim) ? bit_attention_mma_backward(exec, args, delta)
                                                          : bit_attention_plain_backward(exec, args, delta);
}

int bit_attention_backward_cuda(const struct bit_exec *exec, const struct bit_attention_backward_args *args)
{
    const struct bit_cudnn_attention_shape shape = {args->batch,    args->time, args->heads,
                                                    args->head_dim, true,       exec->deterministic};
    const void *const pointers[] = {args->qkv, args->out, args->dout, args->lse, args->dqkv};
    const struct bit_cudnn_attention *plan = NULL;
    const char *why = "buffers are not aligned to 16 bytes";
    int err = bit_attention_backward_check(args);

    if (err < 0 || args->batch * args->time * args->heads == 0)
        return err;
    if ((err = check_counts("attention_backward", args->batch, args->time, args->heads)) < 0)
        return err;
    if (aligned(pointers, BIT_COUNT(pointers)))
        plan = plan_for(exec, &shape, args->dtype, &why);
    if (plan != NULL)
        return bit_cudnn_attention_backward(exec->gpu, plan, args, exec->workspace);
    if ((err = must_be_own(exec, "attention_backward", why)) < 0)
        return err;
    return own_backward(exec, args);
}
