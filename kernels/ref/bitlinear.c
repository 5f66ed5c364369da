/* The ternary linear layer and its gradient by plain loops: integer sums exact, float sums in double. */
#include "kernels/bitlinear.h"

#include <math.h>

#include "kernels/args.h"

static float segment_scale(const struct bit_segments *s, int64_t row)
{
    int i = 0;

    while (row >= s->rows[i])
        row -= s->rows[i++];
    return s->scale[i];
}

static float dot(const struct bit_bitlinear_args *args, int64_t i, int64_t j)
{
    int64_t exact = 0;
    double sum = 0;

    if (args->qw_dtype == BIT_I8) {
        for (int64_t p = 0; p < args->k; p++)
            exact += ((const int8_t *)args->q)[i * args->k + p] * ((const int8_t *)args->w)[j * args->k + p];
        return (float)exact;
    }
    for (int64_t p = 0; p < args->k; p++)
        sum += (double)bit_element(args->q, args->qw_dtype, i * args->k + p) *
               bit_element(args->w, args->qw_dtype, j * args->k + p);
    return (float)sum;
}

int bit_bitlinear_ref(const struct bit_exec *exec, const struct bit_bitlinear_args *args)
{
    int err = bit_bitlinear_check(args);

    if (err < 0)
        return err;
    for (int64_t i = 0; i < args->m; i++) {
        for (int64_t j = 0; j < args->n; j++) {
            const float unit = 1 / (args->x_scale[i] * segment_scale(&args->segments, j));
            const int64_t at = i * args->n + j;
            const float sum = dot(args, i, j);
            const float y = args->addend != NULL ? fmaf(sum, unit, args->addend[at]) : sum * unit;
            bit_element_set(args->y, args->y_dtype, at, y);
        }
    }
    return 0;
}

int bit_bitlinear_backward_data_ref(const struct bit_exec *exec, const struct bit_bitlinear_backward_data_args *args)
{
    int err = bit_bitlinear_backward_data_check(args);

    if (err < 0)
        return err;
    for (int64_t i = 0; i < args->m; i++) {
        for (int64_t p = 0; p < args->k; p++) {
            double sum = 0;
            for (int64_t j = 0; j < args->n; j++)
                sum += (double)bit_element(args->dy, args->dy_dtype, i * args->n + j) /
                       segment_scale(&args->segments, j) * bit_element(args->w, args->w_dtype, j * args->k + p);
            bit_element_set(args->dn, args->dn_dtype, i * args->k + p, (float)sum);
        }
    }
    return 0;
}
