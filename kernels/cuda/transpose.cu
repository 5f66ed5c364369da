/* The transpose of a matrix: one square per block, four codes per access when reading and when writing. */
#include "kernels/cuda/row.cuh"
extern "C" {
#include "kernels/transpose.h"
}

#define SIDE    64
#define THREADS 256
#define WORD    4

/* Bytes from one row of the square to the next; the padding spreads the words of a column over the banks. */
#define ROW (SIDE + WORD)

/* W codes per access: WORD if all rows of both matrices begin at multiples of it, otherwise 1. */
template <int W> static __global__ void __launch_bounds__(THREADS) transpose(const struct bit_transpose_args args)
{
    __shared__ __align__(WORD) int8_t square[SIDE * ROW];
    const int64_t r0 = (int64_t)blockIdx.y * SIDE, c0 = (int64_t)blockIdx.x * SIDE;

    for (int i = threadIdx.x; i < SIDE * SIDE / W; i += THREADS) {
        const int r = i / (SIDE / W), c = i % (SIDE / W) * W;
        if (r0 + r < args.rows && c0 + c < args.cols)
            bit_store<int8_t, W>(square + r * ROW + c, bit_load<int8_t, W>(args.x + (r0 + r) * args.cols + c0 + c));
    }
    __syncthreads();
    for (int i = threadIdx.x; i < SIDE * SIDE / W; i += THREADS) {
        const int c = i / (SIDE / W), r = i % (SIDE / W) * W;
        bit_pack<int8_t, W> out;
        if (r0 + r >= args.rows || c0 + c >= args.cols)
            continue;
#pragma unroll
        for (int e = 0; e < W; e++)
            out.v[e] = square[(r + e) * ROW + c];
        bit_store<int8_t, W>(args.y + (c0 + c) * args.rows + r0 + r, out);
    }
}

static int64_t squares(int64_t side)
{
    return (side + SIDE - 1) / SIDE;
}

extern "C" int bit_transpose_cuda(const struct bit_exec *exec, const struct bit_transpose_args *args)
{
    const bool words = bit_aligned(args->x, args->cols, WORD) && bit_aligned(args->y, args->rows, WORD);
    int err = bit_transpose_check(args);

    if (err < 0 || args->rows == 0)
        return err;
    if (squares(args->rows) > 65535)
        return bit_fail(-EINVAL, "transpose: %lld rows are more than a GPU's grid takes", (long long)args->rows);
    const auto kernel = words ? transpose<WORD> : transpose<1>;

    kernel<<<dim3((unsigned)squares(args->cols), (unsigned)squares(args->rows)), THREADS, 0, exec->gpu->stream>>>(
        *args);
    return bit_gpu_launched("transpose");
}
