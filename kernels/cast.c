/* Checks of a conversion's arguments. */
#include "kernels/cast.h"

#include "kernels/args.h"

int bit_cast_check(const struct bit_cast_args *args)
{
    int err = bit_check_shape("cast", args->count, 1);

    if (err < 0)
        return err;
    err = bit_check_float("cast x", args->x_dtype);
    if (err < 0)
        return err;
    err = bit_check_float("cast y", args->y_dtype);
    if (err < 0)
        return err;
    if (args->accumulate && args->y_dtype != BIT_F32)
        return bit_fail(-EINVAL, "cast: accumulate needs an f32 y");
    return 0;
}
