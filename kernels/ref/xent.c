/* Softmax, cross entropy and its gradient, the reference. */
#include "kernels/xent.h"

#include <math.h>

#include "kernels/args.h"

static double row_logsumexp(const struct bit_xent_args *args, int64_t begin)
{
    double max = -INFINITY, sum = 0;

    for (int64_t i = begin; i < begin + args->vocab; i++) {
        double x = bit_element(args->logits, args->logits_dtype, i);
        max = x > max || isnan(x) ? x : max;
    }
    for (int64_t i = begin; i < begin + args->vocab; i++)
        sum += exp(bit_element(args->logits, args->logits_dtype, i) - max);
    return max + log(sum);
}

static void row_gradient(const struct bit_xent_args *args, int64_t r, double lse)
{
    for (int64_t c = 0; c < args->vocab; c++) {
        int64_t i = r * args->vocab + c;
        double p = exp(bit_element(args->logits, args->logits_dtype, i) - lse);
        double grad = (p - (c == args->target[r])) * args->grad_scale;
        bit_element_set(args->grad, args->grad_dtype, i, args->target[r] == BIT_TARGETS_IGNORE ? 0 : grad);
    }
}

int bit_xent_ref(const struct bit_exec *exec, const struct bit_xent_args *args)
{
    int err = bit_xent_check(args);

    if (err >= 0)
        err = bit_xent_check_targets(args);
    if (err < 0)
        return err;
    for (int64_t r = 0; r < args->rows; r++) {
        const int64_t begin = r * args->vocab, target = args->target[r];
        double lse = 0, at_target = 0;

        if (target != BIT_TARGETS_IGNORE) {
            lse = row_logsumexp(args, begin);
            at_target = bit_element(args->logits, args->logits_dtype, begin + target);
        }
        args->loss[r] = (float)(lse - at_target);
        if (args->grad != NULL)
            row_gradient(args, r, lse);
    }
    return 0;
}
