/* Parts of the ternary linear layer on a GPU: our own int8 products, and passes before and after cuBLASLt's. */
#ifndef BIT_KERNELS_CUDA_BITLINEAR_H
#define BIT_KERNELS_CUDA_BITLINEAR_H

#include <stdbool.h>

#include "kernels/bitlinear.h"
#include "kernels/cuda/gemm/blas.h"

/* ---- bitlinear of int8, with exactly the bits of the contract */

/** For any shape, alignment and GPU: mma.sync of 16 x 8 x 32. */
int bit_ternary_gemm_sm80(const struct bit_exec *exec, const struct bit_bitlinear_args *args);
/** For Hopper: TMA and wgmma. Only if bit_ternary_gemm_sm90_takes: rows of all matrices begin at 16-byte multiples. */
int bit_ternary_gemm_sm90(const struct bit_exec *exec, const struct bit_bitlinear_args *args);
bool bit_ternary_gemm_sm90_takes(const struct bit_exec *exec, const struct bit_bitlinear_args *args);

/* ---- passes over memory */

/* to[r][c] = from[r][c], rounded to to_dtype. *_row: elements from one row to the next. Fewer than 2^31 elements. */
struct bit_convert_pass {
    int64_t rows, cols;
    const void *from;
    enum bit_dtype from_dtype;
    int64_t from_row;
    void *to;
    enum bit_dtype to_dtype; /* f32 or bf16 */
    int64_t to_row;
};
int bit_convert_pass_cuda(const struct bit_exec *exec, const struct bit_convert_pass *pass);
/** Computes rows [first, first + rows) of bitlinear's y from their f32 sums (rows, N). */
int bit_scale_pass_cuda(const struct bit_exec *exec, const struct bit_bitlinear_args *args, const float *sums,
                        int64_t first, int64_t rows);
/** factors (BIT_FACTORS) = 1 / scale of each segment, then 0 and 1: cuBLASLt's alpha and beta, in the GPU's memory. */
int bit_factors_pass_cuda(const struct bit_exec *exec, const struct bit_segments *segments, float *factors);
#define BIT_FACTORS     (BIT_SEGMENTS_MAX + 2)
#define BIT_FACTOR_ZERO BIT_SEGMENTS_MAX
#define BIT_FACTOR_ONE  (BIT_SEGMENTS_MAX + 1)

#endif
