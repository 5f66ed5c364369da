/* Checks of the transpose's arguments. */
#include "kernels/transpose.h"

#include "kernels/args.h"

int bit_transpose_check(const struct bit_transpose_args *args)
{
    return bit_check_shape("transpose", args->rows, args->cols);
}
