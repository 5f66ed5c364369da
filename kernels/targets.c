/* Checks of the targets' arguments. */
#include "kernels/targets.h"

#include "kernels/args.h"

int bit_targets_check(const struct bit_targets_args *args)
{
    return bit_check_shape("targets", args->batch, args->time);
}
