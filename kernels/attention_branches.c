/* Attention over branches: checks of its arguments, and its scratch memory. */
#include "kernels/attention_branches.h"

#include <stdbool.h>

#include "kernels/args.h"
#include "kernels/attention_plan.h"
#include "proto/limits.h"

int bit_attention_branches_check(const struct bit_attention_branches_args *args)
{
    const char *const name = "attention_branches";

    if (args->head_dim < 2 || args->head_dim % 2 != 0 || args->head_dim > BIT_HEAD_DIM_MAX)
        return bit_fail(-EINVAL, "%s: heads of %lld, not an even number up to %d", name, (long long)args->head_dim,
                        BIT_HEAD_DIM_MAX);
    if (args->rows > INT32_MAX || args->count < 0 || args->count > INT32_MAX || args->time < 1)
        return bit_fail(-EINVAL, "%s: %lld branches of at most %lld of %lld rows", name, (long long)args->count,
                        (long long)args->time, (long long)args->rows);
    int err = bit_check_shape(name, args->rows, args->heads);
    if (err < 0)
        return err;
    err = bit_check_shape(name, args->rows * args->heads, 3 * args->head_dim);
    return err < 0 ? err : bit_check_float(name, args->dtype);
}

static bool lies_within(int64_t first, int64_t rows, int64_t all)
{
    return first >= 0 && rows >= 0 && first + rows <= all;
}

int bit_check_branches(const struct bit_attention_branches_args *args)
{
    for (int64_t i = 0; i < args->count; i++) {
        const struct bit_branch *b = &args->branches[i];

        if (b->rows < 1 || !lies_within(b->first, b->rows, args->rows) ||
            !lies_within(b->trunk_first, b->trunk_rows, args->rows) || (int64_t)b->rows + b->trunk_rows > args->time)
            return bit_fail(-EINVAL,
                            "attention_branches: branch %lld has rows %d+%d after %d+%d, of %lld, at most %lld",
                            (long long)i, b->first, b->rows, b->trunk_first, b->trunk_rows, (long long)args->rows,
                            (long long)args->time);
    }
    return 0;
}

/* Trunk and branch are tiled separately, so together they may take one tile more. */
size_t bit_attention_branches_workspace(enum bit_backend backend, int threads, int64_t time, int64_t head_dim)
{
    const struct bit_attention_plan plan = bit_attention_plan(time + BIT_ATTENTION_TILE, head_dim);

    return backend == BIT_BACKEND_CPU ? (size_t)threads * (size_t)bit_attention_units(&plan) * sizeof(uint32_t) : 0;
}
