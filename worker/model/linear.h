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
/**
 * From dy (rows, N), in the operands' type: add the weight's gradient to model->grad, and take the input's gradient
 * back through the norm. If x is the residual stream, it is added to arena->dx (and arena->dx_operand is updated); if
 * the input is gated, it overwrites x; otherwise it is left in arena->dinput. dy must be none of these, except
 * dx_operand if x is not the residual stream.
 */
int bit_linear_backward(struct bit_model *model, int index, const struct bit_linear_input *in, int64_t rows,
                        const void *dy);

#endif
