/* One linear layer in whichever phase is in force: its input's norm, its quantisation, its products. */
#ifndef BIT_WORKER_LINEAR_H
#define BIT_WORKER_LINEAR_H

#include "worker/model/activations.h"
#include "worker/model/state.h"

/** The codes turned, of linears in [begin, end) of the flat vector whose data gradient is a product of int8: after
 * their codes have been published, before a backward pass at full strength. Enqueued. */
int bit_model_turn_codes(struct bit_model *model, int64_t begin, int64_t end);

/** y (rows, N) = linear `index` of norm(in->x), or of norm(swiglu(in->x)) if it is gated; with an addend (rows, N) of
 * y's type, plus that (y is the residual stream). Fills what in keeps, and in->operand, which stands until the next
 * linear does the same, unless it is kept. */
int bit_linear_forward(struct bit_model *model, int index, struct bit_linear_input *in, int64_t rows, void *y,
                       enum bit_dtype y_dtype, const void *addend);
/**
 * From dy (rows, N), in the operands' type: the weight's gradient is added to model->grad, and the input's goes back
 * through the norm. Where x is the residual stream it is added to arena->dx (and arena->dx_operand follows); a gated
 * input's takes x's place; otherwise it is in arena->dinput. dy is none of these, but for dx_operand where x is not the
 * residual stream.
 */
int bit_linear_backward(struct bit_model *model, int index, const struct bit_linear_input *in, int64_t rows,
                        const void *dy);

#endif
