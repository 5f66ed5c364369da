/* Which products of the 16-bit phase run as one kernel with the operator after them. */
#ifndef BIT_WORKER_FUSION_H
#define BIT_WORKER_FUSION_H

#include "kernels/fused_product.h"
#include "worker/model/plan.h"

#define BIT_FUSION_TEXT_MAX 192

/** Sets fused for this exec's card and the plan's shapes and micro-batch; all false if the back end has no fused
 * products, or launch.fused_products is NEVER. */
void bit_fusion_choose(const struct bit_exec *exec, const struct bit_worker_plan *plan, bool fused[BIT_FUSED_KINDS]);
/** The same for people, with the reasons: "SwiGLU, SwiGLU's gradient, not rotation (heads do not have 128 columns)";
 * "none (operands are not bf16)". */
void bit_fusion_describe(const struct bit_exec *exec, const struct bit_worker_plan *plan, char to[BIT_FUSION_TEXT_MAX]);

#endif
