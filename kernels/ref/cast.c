/* Conversion between f32 and bf16, the reference. */
#include "kernels/cast.h"

#include "kernels/args.h"

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
