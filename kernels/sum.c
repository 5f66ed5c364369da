/* Checks of a sum's arguments. */
#include "kernels/sum.h"

#include "kernels/args.h"

int bit_sum_check(const struct bit_sum_args *args)
{
    return bit_check_shape("sum", args->count, 1);
}
