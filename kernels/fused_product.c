#include "kernels/fused_product.h"

#include "kernels/exec/backend.h"

const char *bit_fused_product_refused(const struct bit_exec *exec, const struct bit_fused_product *product)
{
    const struct bit_backend_ops *ops = bit_backend_find(exec->backend);

    return ops->refuse_fused == NULL ? "only GPUs have fused products" : ops->refuse_fused(exec, product);
}
