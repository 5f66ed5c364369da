/* Causal attention, the reference: each output by its own loop over positions, with no shared intermediate results. */
#include "kernels/attention.h"

#include <math.h>

#include "kernels/args.h"
#include "proto/limits.h"

/* One head's view of the packed tensors: element d of q at position t is qkv[qkv_at(v, 0, t) + d]. */
struct view {
    const void *qkv, *out, *dout;
    enum bit_dtype dtype;
    int64_t time, heads, dim, batch_index, head;
    const float *lse; /* (T) */
};

static int64_t qkv_at(const struct view *v, int part, int64_t t)
{
    return (((v->batch_index * v->time + t) * 3 + part) * v->heads + v->head) * v->dim;
}

static int64_t out_at(const struct view *v, int64_t t)
{
    return ((v->batch_index * v->time + t) * v->heads + v->head) * v->dim;
}

static double dot(const void *a, int64_t a_at, const void *b, int64_t b_at, const struct view *v)
{
    double sum = 0;

    for (int64_t d = 0; d < v->dim; d++)
        sum += bit_element(a, v->dtype, a_at + d) * bit_element(b, v->dtype, b_at + d);
    return sum;
}

static double score(const struct view *v, int64_t t, int64_t s)
{
    return dot(v->qkv, qkv_at(v, 0, t), v->qkv, qkv_at(v, 1, s), v) / sqrt((double)v->dim);
}

static void add_row(double *sum, double weight, const void *x, int64_t at, const struct view *v)
{
    for (int64_t d = 0; d < v->dim; d++)
        sum[d] += weight * bit_element(x, v->dtype, at + d);
}

static void store_row(void *y, int64_t at, const double *sum, double factor, const struct view *v)
{
    for (int64_t d = 0; d < v->dim; d++)
        bit_element_set(y, v->dtype, at + d, sum[d] * factor);
}

static void forward_row(const struct view *v, int64_t t, void *out, float *lse)
{
    double max = -INFINITY, total = 0, sum[BIT_HEAD_DIM_MAX] = {0};

    for (int64_t s = 0; s <= t; s++) {
        double x = score(v, t, s);
        max = x > max || isnan(x) ? x : max;
    }
    for (int64_t s = 0; s <= t; s++) {
        double weight = exp(score(v, t, s) - max);
        total += weight;
        add_row(sum, weight, v->qkv, qkv_at(v, 2, s), v);
    }
    store_row(out, out_at(v, t), sum, 1 / total, v);
    lse[t] = (float)(max + log(total));
}

int bit_attention_ref(const struct bit_exec *exec, const struct bit_attention_args *args)
{
    int err = bit_attention_check(args);

    if (err < 0)
        return err;
    for (int64_t i = 0; i < args->batch * args->heads; i++) {
        const struct view v = {
            .qkv = args->qkv,
            .dtype = args->dtype,
            .time = args->time,
            .heads = args->heads,
            .dim = args->head_dim,
            .batch_index = i / args->heads,
            .head = i % args->heads,
        };
        for (int64_t t = 0; t < args->time; t++)
            forward_row(&v, t, args->out, args->lse + i * args->time);
    }
    return 0;
}

/* The softmax weight of position s for query t; below, the gradient of its score. */
static double probability(const struct view *v, int64_t t, int64_t s)
{
    return exp(score(v, t, s) - v->lse[t]);
}

static double score_gradient(const struct view *v, int64_t t, int64_t s)
{
    double dp = dot(v->dout, out_at(v, t), v->qkv, qkv_at(v, 2, s), v);
    double delta = dot(v->dout, out_at(v, t), v->out, out_at(v, t), v);

    return probability(v, t, s) * (dp - delta) / sqrt((double)v->dim);
}

static void backward_row(const struct view *v, int64_t row, void *dqkv)
{
    double dq[BIT_HEAD_DIM_MAX] = {0}, dk[BIT_HEAD_DIM_MAX] = {0}, dv[BIT_HEAD_DIM_MAX] = {0};

    for (int64_t s = 0; s <= row; s++)
        add_row(dq, score_gradient(v, row, s), v->qkv, qkv_at(v, 1, s), v);
    for (int64_t t = row; t < v->time; t++) {
        add_row(dk, score_gradient(v, t, row), v->qkv, qkv_at(v, 0, t), v);
        add_row(dv, probability(v, t, row), v->dout, out_at(v, t), v);
    }
    store_row(dqkv, qkv_at(v, 0, row), dq, 1, v);
    store_row(dqkv, qkv_at(v, 1, row), dk, 1, v);
    store_row(dqkv, qkv_at(v, 2, row), dv, 1, v);
}

int bit_attention_backward_ref(const struct bit_exec *exec, const struct bit_attention_backward_args *args)
{
    int err = bit_attention_backward_check(args);

    if (err < 0)
        return err;
    for (int64_t i = 0; i < args->batch * args->heads; i++) {
        const struct view v = {
            .qkv = args->qkv,
            .out = args->out,
            .dout = args->dout,
            .dtype = args->dtype,
            .time = args->time,
            .heads = args->heads,
            .dim = args->head_dim,
            .batch_index = i / args->heads,
            .head = i % args->heads,
            .lse = args->lse + i * args->time,
        };
        for (int64_t row = 0; row < args->time; row++)
            backward_row(&v, row, args->dqkv);
    }
    return 0;
}
