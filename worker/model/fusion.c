#include "worker/model/fusion.h"

#include <string.h>

#include "proto/format.h"

static struct bit_fused_product product_of(const struct bit_worker_plan *plan, enum bit_fused_kind kind)
{
    struct bit_fused_product product = {
        .kind = kind,
        .m = plan->micro_instances * plan->context,
        .n = plan->hidden,
        .k = plan->width,
        .head_dim = plan->head_dim,
        .dtype = plan->operands,
    };

    if (kind == BIT_FUSED_ROPE)
        product.n = 3 * plan->width;
    return product;
}

/* NULL, or why this product is not fused. */
static const char *refused(const struct bit_exec *exec, const struct bit_worker_plan *plan, enum bit_fused_kind kind)
{
    const struct bit_fused_product product = product_of(plan, kind);

    if (!plan->fuses)
        return "launch.fused_products is NEVER";
    if (kind == BIT_FUSED_ROPE && plan->clip_qkv > 0)
        return "model.clip_qkv clamps before it";
    return bit_fused_product_refused(exec, &product);
}

void bit_fusion_choose(const struct bit_exec *exec, const struct bit_worker_plan *plan, bool fused[BIT_FUSED_KINDS])
{
    for (int kind = 0; kind < BIT_FUSED_KINDS; kind++)
        fused[kind] = refused(exec, plan, (enum bit_fused_kind)kind) == NULL;
}

void bit_fusion_describe(const struct bit_exec *exec, const struct bit_worker_plan *plan, char to[BIT_FUSION_TEXT_MAX])
{
    static const char *const names[BIT_FUSED_KINDS] = {
        [BIT_FUSED_SWIGLU] = "SwiGLU",
        [BIT_FUSED_SWIGLU_BACKWARD] = "SwiGLU's gradient",
        [BIT_FUSED_ROPE] = "rotation",
    };
    const char *why[BIT_FUSED_KINDS], *separator = "";
    int same = 0;

    for (int kind = 0; kind < BIT_FUSED_KINDS; kind++) {
        why[kind] = refused(exec, plan, (enum bit_fused_kind)kind);
        same += why[0] != NULL && why[kind] != NULL && strcmp(why[kind], why[0]) == 0;
    }
    if (same == BIT_FUSED_KINDS) {
        bit_format(to, BIT_FUSION_TEXT_MAX, "none (%s)", why[0]);
        return;
    }
    to[0] = '\0';
    for (int kind = 0; kind < BIT_FUSED_KINDS; kind++, separator = ", ") {
        if (why[kind] == NULL)
            bit_format_more(to, BIT_FUSION_TEXT_MAX, "%s%s", separator, names[kind]);
        else
            bit_format_more(to, BIT_FUSION_TEXT_MAX, "%snot %s (%s)", separator, names[kind], why[kind]);
    }
}
