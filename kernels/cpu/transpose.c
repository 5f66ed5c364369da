/* The transpose of a matrix, in square blocks of which an L1 cache holds two. */
#include "kernels/transpose.h"

#include "kernels/args.h"
#include "proto/check.h"

#define SIDE 64

static void turn(const struct bit_transpose_args *args, int64_t r0, int64_t c0)
{
    const int64_t rows = BIT_MIN(SIDE, args->rows - r0), cols = BIT_MIN(SIDE, args->cols - c0);

    for (int64_t c = 0; c < cols; c++)
        for (int64_t r = 0; r < rows; r++)
            args->y[(c0 + c) * args->rows + r0 + r] = args->x[(r0 + r) * args->cols + c0 + c];
}

int bit_transpose_cpu(const struct bit_exec *exec, const struct bit_transpose_args *args)
{
    int err = bit_transpose_check(args);

    if (err < 0)
        return err;
#pragma omp parallel for num_threads(exec->threads) schedule(static)
    for (int64_t c = 0; c < args->cols; c += SIDE)
        for (int64_t r = 0; r < args->rows; r += SIDE)
            turn(args, r, c);
    return 0;
}
