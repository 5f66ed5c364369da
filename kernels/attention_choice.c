/* The back end's choice for attention. It is separate from attention.c because the back ends call attention.c. */
#include "kernels/attention.h"
#include "kernels/exec/backend.h"
#include "proto/err.h"

int bit_attention_choose(const struct bit_exec *exec, int64_t batch, int64_t time, int64_t heads, int64_t head_dim,
                         enum bit_dtype dtype, struct bit_attention_choice *out)
{
    const struct bit_backend_ops *ops = bit_backend_find(exec->backend);

    if (ops->choose_attention == NULL)
        return bit_fail(-ENOTSUP, "only the CUDA backend has a choice of attention");
    return ops->choose_attention(exec, batch, time, heads, head_dim, dtype, out);
}
