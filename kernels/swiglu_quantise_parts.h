/*
 * The operators that swiglu_quantise and swiglu_norm_backward stand for, as arguments for `rows` rows from `first` on.
 * The reference and the processor's variant call their own of each, one after the other.
 */
#ifndef BIT_KERNELS_SWIGLU_QUANTISE_PARTS_H
#define BIT_KERNELS_SWIGLU_QUANTISE_PARTS_H

#include "kernels/swiglu.h"
#include "kernels/swiglu_quantise.h"

#define BIT_SWIGLU_QUANTISE_ROWS 64 /* that a processor works on at once: y and its gradient stay in cache */

/* ---- forward: y, then its codes. y (rows, C) of args->dtype */

struct bit_swiglu_args bit_swiglu_quantise_y(const struct bit_swiglu_quantise_args *args, int64_t first, int64_t rows,
                                             void *y);
struct bit_quantise_args bit_swiglu_quantise_codes(const struct bit_swiglu_quantise_args *args, int64_t first,
                                                   int64_t rows, const void *y);

/* ---- backward: y again, its gradient dy through the norm, then up's and gate's */

/** Whether dn is y's gradient already, and y itself is not asked for: then the last part is all there is. */
bool bit_swiglu_norm_backward_is_plain(const struct bit_swiglu_norm_backward_args *args);
struct bit_swiglu_args bit_swiglu_norm_backward_y(const struct bit_swiglu_norm_backward_args *args, int64_t first,
                                                  int64_t rows, void *y);
struct bit_norm_backward_args bit_swiglu_norm_backward_dy(const struct bit_swiglu_norm_backward_args *args,
                                                          int64_t first, int64_t rows, const void *y, void *dy);
/** dy: what the part before left; not read where the gradient is plain. */
struct bit_swiglu_backward_args bit_swiglu_norm_backward_dug(const struct bit_swiglu_norm_backward_args *args,
                                                             int64_t first, int64_t rows, const void *dy);

#endif
