/* Rotary position embedding, the reference. */
#include "kernels/rope.h"

#include <math.h>
#include <string.h>

#include "kernels/args.h"

/* NaN compares neither above nor below, and is not changed. */
static void clamp_all(const struct bit_rope_args *args, int64_t count)
{
    memset(args->mask, 0, (size_t)(count + 7) / 8);
    for (int64_t i = 0; i < count; i++) {
        double x = bit_element(args->qkv, args->dtype, i), clip = args->clip;
        if (!(x > clip) && !(x < -clip))
            continue;
        args->mask[i / 8] |= (uint8_t)(1u << (i % 8));
        bit_element_set(args->qkv, args->dtype, i, x > clip ? clip : -clip);
    }
}

/* Rotates one head at one position; direction is 1 in the forward pass, -1 in the backward pass. */
static void rotate(void *x, enum bit_dtype dtype, int64_t at, int64_t half, const float *cos_sin, double direction)
{
    for (int64_t i = 0; i < half; i++) {
        double x1 = bit_element(x, dtype, at + i), x2 = bit_element(x, dtype, at + half + i);
        double c = cos_sin[2 * i], s = direction * cos_sin[2 * i + 1];
        bit_element_set(x, dtype, at + i, x1 * c - x2 * s);
        bit_element_set(x, dtype, at + half + i, x2 * c + x1 * s);
    }
}

static void rotate_all(void *x, enum bit_dtype dtype, int64_t batch, int64_t time, int64_t heads, int64_t head_dim,
                       const float *cos_sin, double direction)
{
    for (int64_t row = 0; row < batch * time; row++)
        for (int64_t head = 0; head < 2 * heads; head++) /* q's heads, then k's */
            rotate(x, dtype, (row * 3 * heads + head) * head_dim, head_dim / 2, cos_sin + row % time * head_dim,
                   direction);
}

int bit_rope_ref(const struct bit_exec *exec, const struct bit_rope_args *args)
{
    int err = bit_rope_check(args);

    if (err < 0)
        return err;
    if (args->clip > 0)
        clamp_all(args, args->batch * args->time * 3 * args->heads * args->head_dim);
    rotate_all(args->qkv, args->dtype, args->batch, args->time, args->heads, args->head_dim, args->cos_sin, 1);
    return 0;
}

int bit_rope_backward_ref(const struct bit_exec *exec, const struct bit_rope_backward_args *args)
{
    const int64_t count = args->batch * args->time * 3 * args->heads * args->head_dim;
    int err = bit_rope_backward_check(args);

    if (err < 0)
        return err;
    rotate_all(args->dqkv, args->dtype, args->batch, args->time, args->heads, args->head_dim, args->cos_sin, -1);
    for (int64_t i = 0; args->mask != NULL && i < count; i++)
        if (args->mask[i / 8] >> (i % 8) & 1)
            bit_element_set(args->dqkv, args->dtype, i, 0);
    return 0;
}
