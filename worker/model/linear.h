/* One linear layer in the phase in force: its input's norm, its quantisation, its products. */
#ifndef BIT_WORKER_LINEAR_H
#define BIT_WORKER_LINEAR_H

#include "worker/model/activations.h"
#include "worker/model/state.h"

/** Transpose the codes of the linears in [begin, end) of the flat vector whose data gradient is an int8 product. Call
 * it after their codes have been published, before a backward pass at full strength. Enqueued. */
int bit_model_turn_codes(struct bit_model *model, int64_t begin, int64_t end);

/** y (rows, N) = linear `index` of norm(in->x), or of norm(swiglu(in->x)) if gated; plus the addend (rows, N), of y's
 * type, if there is one (y is then the residual stream). Fills what `in` keeps, and in->operand, which the next linear
 * overwrites unless it is kept. */
int bit_linear_forward(struct bit_model *model, int index, struct bit_linear_input *in, int64_t rows, void *y,
                       enum bit_dtype y_dtype, const void *addend);
/** Whether linear(norm(x)) and the rotation of its q and k run as one kernel. */
bool bit_linear_fuses_rope(const struct bit_model *model, const struct bit_linear_input *in);
/** Linear `index` of norm(in->x), rotated, if bit_linear_fuses_rope: qkv (instances time, 3 D). */
int bit_linear_forward_rope(struct bit_model *model, int index, struct bit_linear_input *in, int64_t instances,
                            int64_t time, const float *cos_sin, void *qkv);
/** Whether ff_proj and the swiglu of its up and gate, which ff_out multiplies, run as one kernel. */
bool bit_linear_fuses_swiglu(const struct bit_model *model, const struct bit_linear_input *proj,
                             const struct bit_linear_input *out);
/** Linear `index`, ff_proj, of norm(proj->x) to out->x, and linear `index` + 1, ff_out, of its swiglu plus the addend
 * to y (rows, D), both the residual stream: bit_linear_forward of both, if bit_linear_fuses_swiglu. */
int bit_linear_forward_swiglu(struct bit_model *model, int index, struct bit_linear_input *proj,
                              struct bit_linear_input *out, int64_t rows, void *y, const void *addend);
/**
 * From dy (rows, N), in the operands' type: add the weight's gradient to model->grad, and take the input's gradient
 * back through the norm. If x is the residual stream, it is added to arena->dx (and arena->dx_operand is updated); if
 * the input is gated, it overwrites x; otherwise it is left in arena->dinput. dy must be none of these, except
 * dx_operand if x is not the residual stream.
 */
int bit_linear_backward(struct bit_model *model, int index, const struct bit_linear_input *in, int64_t rows,
                        const void *dy);

#endif
