/* Conversion between f32 and bf16, the reference. */
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
        return bit_fail(-EINVAL, "cast: only an f32 sum is accumulated");
    return 0;
}

int bit_cast_ref(const struct bit_exec *exec, const struct bit_cast_args *args)
{
    int err = bit_cast_check(args);

    if (err < 0)
        return err;
    for (int64_t i = 0; i < args->count; i++) {
        double y = args->scale * bit_element(args->x, args->x_dtype, i);
        if (args->accumulate)
            y += bit_element(args->y, args->y_dtype, i);
        bit_element_set(args->y, args->y_dtype, i, y);
    }
    return 0;
}
