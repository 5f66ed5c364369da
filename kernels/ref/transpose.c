/* The transpose of a matrix, the reference. */
#include "kernels/transpose.h"

#include "kernels/args.h"

int bit_transpose_ref(const struct bit_exec *exec, const struct bit_transpose_args *args)
{
    int err = bit_transpose_check(args);

    if (err < 0)
        return err;
    for (int64_t r = 0; r < args->rows; r++)
        for (int64_t c = 0; c < args->cols; c++)
            args->y[c * args->rows + r] = args->x[r * args->cols + c];
    return 0;
}
