/* The rotation: checks of its arguments, and the table of angles that every variant reads. */
#include "kernels/rope.h"

#include <math.h>

#include "kernels/args.h"

void bit_rope_table(int64_t time, int64_t head_dim, double theta, float *cos_sin)
{
    const int64_t half = head_dim / 2;

    for (int64_t t = 0; t < time; t++) {
        for (int64_t i = 0; i < half; i++) {
            /* OLMo's order of rounding: the frequency is an f32, and so is its product with the position. */
            float frequency = (float)(1 / pow(theta, 2.0 * (double)i / (double)head_dim));
            float angle = (float)t * frequency;
            cos_sin[(t * half + i) * 2] = (float)cos((double)angle);
            cos_sin[(t * half + i) * 2 + 1] = (float)sin((double)angle);
        }
    }
}

static int check_heads(const char *name, int64_t batch, int64_t time, int64_t heads, int64_t head_dim)
{
    if (heads < 1 || head_dim < 2 || head_dim % 2 != 0 || heads > BIT_ELEMENTS_MAX / head_dim / 3)
        return bit_fail(-EINVAL, "%s: %lld heads of %lld", name, (long long)heads, (long long)head_dim);
    int err = bit_check_shape(name, batch, time);
    if (err < 0)
        return err;
    return bit_check_shape(name, batch * time, 3 * heads * head_dim);
}

int bit_rope_check(const struct bit_rope_args *args)
{
    int err = check_heads("rope", args->batch, args->time, args->heads, args->head_dim);

    if (err < 0)
        return err;
    if (args->clip > 0 && args->mask == NULL)
        return bit_fail(-EINVAL, "rope: a clip of %g needs a mask", (double)args->clip);
    return bit_check_float("rope", args->dtype);
}

int bit_rope_backward_check(const struct bit_rope_backward_args *args)
{
    int err = check_heads("rope_backward", args->batch, args->time, args->heads, args->head_dim);

    if (err < 0)
        return err;
    return bit_check_float("rope_backward", args->dtype);
}
