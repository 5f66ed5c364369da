/*
 * Arguments of the operators that swiglu_quantise and swiglu_norm_backward fuse, for `rows` rows starting at `first`.
 * The reference and the processor's variant call their own variants of these operators, one after the other.
 */
#ifndef BIT_KERNELS_SWIGLU_QUANTISE_PARTS_H
#define BIT_KERNELS_SWIGLU_QUANTISE_PARTS_H

#include "kernels/swiglu.h"
#include "kernels/swiglu_quantise.h"

#define BIT_SWIGLU_QUANTISE_ROWS 64 /* in a processor's block: y and its gradient stay in cache */

/* ---- forward: y, then its codes. y (rows, C) of args->dtype */

struct bit_swiglu_args bit_swiglu_quantise_y(const struct bit_swiglu_quantise_args *args, int64_t first, int64_t rows,
                                             void *y);
struct bit_quantise_args bit_swiglu_quantise_codes(const struct bit_swiglu_quantise_args *args, int64_t first,
                                                   int64_t rows, const void *y);

/* ---- backward: y again, its gradient dy through the norm, then the gradients of up and gate */

/** Whether dn already is y's gradient and no operand is requested: then swiglu_backward alone is run. */
bool bit_swiglu_norm_backward_is_plain(const struct bit_swiglu_norm_backward_args *args);
struct bit_swiglu_args bit_swiglu_norm_backward_y(const struct bit_swiglu_norm_backward_args *args, int64_t first,
                                                  int64_t rows, void *y);
struct bit_norm_backward_args bit_swiglu_norm_backward_dy(const struct bit_swiglu_norm_backward_args *args,
                                                          int64_t first, int64_t rows, const void *y, void *dy);
/** dy: the dx of bit_swiglu_norm_backward_dy; not read if the gradient is plain. */
struct bit_swiglu_backward_args bit_swiglu_norm_backward_dug(const struct bit_swiglu_norm_backward_args *args,
                                                             int64_t first, int64_t rows, const void *dy);

#endif
