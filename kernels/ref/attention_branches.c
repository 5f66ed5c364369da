/* Attention over branches, the reference: each output by its own loop over the rows that it attends to. */
#include "kernels/attention_branches.h"

#include <math.h>

#include "kernels/args.h"
#include "proto/limits.h"

struct row {
    const struct bit_attention_branches_args *args;
    const struct bit_branch *branch;
    int64_t at, head;
};

/* The i-th row that rows of this branch attend to. */
static int64_t seen(const struct bit_branch *b, int64_t i)
{
    return i < b->trunk_rows ? b->trunk_first + i : b->first + i - b->trunk_rows;
}

static int64_t part_at(const struct row *r, int part, int64_t at)
{
    return ((at * 3 + part) * r->args->heads + r->head) * r->args->head_dim;
}

static double score(const struct row *r, int64_t key)
{
    const int64_t q = part_at(r, 0, r->at), k = part_at(r, 1, key);
    double sum = 0;

    for (int64_t d = 0; d < r->args->head_dim; d++)
        sum += bit_element(r->args->qkv, r->args->dtype, q + d) * bit_element(r->args->qkv, r->args->dtype, k + d);
    return sum / sqrt((double)r->args->head_dim);
}

static void attend(const struct row *r)
{
    const struct bit_attention_branches_args *args = r->args;
    const int64_t count = r->branch->trunk_rows + r->at - r->branch->first + 1;
    double max = -INFINITY, total = 0, sum[BIT_HEAD_DIM_MAX] = {0};

    for (int64_t i = 0; i < count; i++) {
        const double x = score(r, seen(r->branch, i));
        max = x > max || isnan(x) ? x : max;
    }
    for (int64_t i = 0; i < count; i++) {
        const int64_t key = seen(r->branch, i), v = part_at(r, 2, key);
        const double weight = exp(score(r, key) - max);

        total += weight;
        for (int64_t d = 0; d < args->head_dim; d++)
            sum[d] += weight * bit_element(args->qkv, args->dtype, v + d);
    }
    for (int64_t d = 0; d < args->head_dim; d++)
        bit_element_set(args->out, args->dtype, (r->at * args->heads + r->head) * args->head_dim + d, sum[d] / total);
}

int bit_attention_branches_ref(const struct bit_exec *exec, const struct bit_attention_branches_args *args)
{
    int err = bit_attention_branches_check(args);

    if (err >= 0)
        err = bit_check_branches(args);
    if (err < 0)
        return err;
    for (int64_t i = 0; i < args->count; i++) {
        const struct bit_branch *b = &args->branches[i];

        for (int64_t at = b->first; at < b->first + b->rows; at++)
            for (int64_t head = 0; head < args->heads; head++)
                attend(&(struct row){args, b, at, head});
    }
    return 0;
}
