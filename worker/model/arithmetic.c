#include "worker/model/arithmetic.h"

#include <stdbool.h>
#include <string.h>

#include "proto/check.h"
#include "proto/ckpt/manifest.h"

static bool is_untied(const struct bit_worker_plan *plan)
{
    return !plan->tied;
}

static bool norms_twice(const struct bit_worker_plan *plan)
{
    return plan->quantizer.inner_norm != BIT_NORM_NONE;
}

static bool stores_scores(const struct bit_worker_plan *plan)
{
    return plan->deterministic;
}

static bool searches_products(const struct bit_worker_plan *plan)
{
    return plan->backend == BIT_BACKEND_CUDA && !plan->deterministic;
}

static bool has_several_peers(const struct bit_worker_plan *plan)
{
    return plan->size > 2; /* a sum of two terms does not depend on their order */
}

static bool may_fuse(const struct bit_worker_plan *plan)
{
    return plan->fuses && plan->backend == BIT_BACKEND_CUDA && plan->operands == BIT_BF16;
}

/* By the arithmetic version that introduced them, ascending. */
static const struct {
    uint32_t number;
    bool (*concerns)(const struct bit_worker_plan *plan);
    const char *text;
} changes[] = {
    {1, is_untied, "an untied head decays with the linears, by optimizer.weight_decay"},
    {1, norms_twice,
     "in the 1.58-bit phase a block's norm with the inner norm after it keeps the factor 1 / sqrt(1 + 1e-5)"},
    {2, searches_products, "a GPU's matrix products are by the fastest of the library's algorithms"},
    {2, stores_scores, "with launch.deterministic attention's gradient is cuDNN's where it takes the shape"},
    {3, has_several_peers, "gradients of three and more ranks are added round a ring"},
    {4, may_fuse, "large 16-bit products on Hopper GPUs are by bitd's own kernels (launch.fused_products)"},
};

void bit_arithmetic_changes(const struct bit_worker_plan *plan, uint32_t since, char out[BIT_ARITHMETIC_TEXT_MAX])
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < BIT_COUNT(changes); i++) {
        const size_t length = strlen(changes[i].text), separator = used > 0 ? 2 : 0;

        if (changes[i].number <= since || !changes[i].concerns(plan))
            continue;
        BIT_ASSERT(used + separator + length < BIT_ARITHMETIC_TEXT_MAX);
        memcpy(out + used, "; ", separator);
        memcpy(out + used + separator, changes[i].text, length + 1);
        used += separator + length;
    }
}
