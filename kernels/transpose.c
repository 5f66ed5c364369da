/* What turning a matrix asks of its arguments. */
#include "kernels/transpose.h"

#include "kernels/args.h"

int bit_transpose_check(const struct bit_transpose_args *args)
{
    return bit_check_shape("transpose", args->rows, args->cols);
}
