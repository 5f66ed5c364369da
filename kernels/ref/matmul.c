/* Matrix products by plain loops, summed in double. */
#include "kernels/matmul.h"

#include "kernels/args.h"

static double dot(const struct bit_matmul_args *args, int64_t i, int64_t j)
{
    const int64_t a_row = args->form == BIT_MATMUL_TN ? 1 : args->k, a_step = args->form == BIT_MATMUL_TN ? args->m : 1;
    const int64_t b_col = args->form == BIT_MATMUL_NT ? args->k : 1, b_step = args->form == BIT_MATMUL_NT ? 1 : args->n;
    double sum = 0;

    for (int64_t p = 0; p < args->k; p++)
        sum += (double)bit_element(args->a, args->ab_dtype, i * a_row + p * a_step) *
               bit_element(args->b, args->ab_dtype, j * b_col + p * b_step);
    return sum;
}

int bit_matmul_ref(const struct bit_exec *exec, const struct bit_matmul_args *args)
{
    int err = bit_matmul_check(args);

    if (err < 0)
        return err;
    for (int64_t i = 0; i < args->m; i++) {
        for (int64_t j = 0; j < args->n; j++) {
            const int64_t at = i * args->n + j;
            double sum = dot(args, i, j);
            if (args->addend != NULL)
                sum += bit_element(args->addend, args->c_dtype, at);
            bit_element_set(args->c, args->c_dtype, at, (float)sum);
        }
    }
    return 0;
}
