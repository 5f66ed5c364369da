/*
 * Causal attention, backward: each tile of keys goes over the tiles of queries from its own on (arXiv 2205.14135).
 * Scores and their gradients are stored as (key, query), with queries across the lanes, so that the queries' lse and
 * delta are plain vectors. Each head is computed by one thread, so the order of sums does not depend on their number.
 */
#include <math.h>

#include "kernels/args.h"
#include "kernels/cpu/attention_tiles.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/team.h"

/* A matrix of the head in the layouts that products need (attention_tiles.h). */
struct forms {
    uint32_t *rows, *columns, *joined;
};

struct scratch {
    struct forms queries, keys, values, gradients; /* of the head; keys have no columns, values only rows */
    float *dqueries;                               /* (T, WIDTH) */
    float *lse, *delta;                            /* (T), lse in units of log2 */
    float *dkeys, *dvalues;                        /* of the tile of keys: (key, WIDTH) */
    float *scores, *dscores;                       /* (key, query) */
    uint32_t *probabilities, *dscore_rows;         /* (key, unit of query) */
    uint32_t *dscore_columns;                      /* (unit of key, query) */
};

static struct scratch lay_out(const struct bit_attention_plan *plan, uint32_t *at)
{
    const int64_t head = plan->padded * plan->width, tile = TILE * plan->width;
    struct scratch s;

    s.queries = (struct forms){at, at + head, at + 2 * head};
    s.gradients = (struct forms){at + 3 * head, at + 4 * head, at + 5 * head};
    s.keys = (struct forms){.rows = at + 6 * head, .joined = at + 7 * head};
    s.values = (struct forms){.rows = at + 8 * head};
    s.dqueries = (float *)(at + 9 * head);
    s.lse = s.dqueries + head;
    s.delta = s.lse + plan->padded;
    s.dkeys = s.delta + plan->padded;
    s.dvalues = s.dkeys + tile;
    s.scores = s.dvalues + tile;
    s.dscores = s.scores + TILE * TILE;
    s.probabilities = (uint32_t *)(s.dscores + TILE * TILE);
    s.dscore_rows = s.probabilities + TILE * TILE;
    s.dscore_columns = s.dscore_rows + TILE * TILE;
    return s;
}

static struct source part_of(const struct bit_attention_backward_args *args, int64_t head, int part)
{
    const struct source q = {
        .x = args->qkv,
        .dtype = args->dtype,
        .stride = 3 * args->heads * args->head_dim,
        .time = args->time,
        .dim = args->head_dim,
    };

    return part_of_packed(q, head / args->heads, part * args->heads + head % args->heads);
}

static struct source out_of(const struct bit_attention_backward_args *args, const void *x, int64_t head)
{
    const int64_t b = head / args->heads, h = head % args->heads, stride = args->heads * args->head_dim;
    const int64_t at = b * args->time * stride + h * args->head_dim;

    return (struct source){
        .x = (const uint8_t *)x + (size_t)at * bit_dtype_bytes(args->dtype),
        .dtype = args->dtype,
        .stride = stride,
        .time = args->time,
        .dim = args->head_dim,
    };
}

INLINE void pack_forms(struct forms *forms, const struct source *from, const struct bit_attention_plan *plan,
                       bool pairs)
{
    const int64_t units = plan->width / unit_elements(pairs);

    pack_rows(forms->rows, from, 0, plan->padded, plan->width, pairs);
    for (int64_t tile = 0; forms->columns != NULL && tile < plan->tiles; tile++)
        pack_columns(forms->columns + tile * TILE * units, forms->rows + tile * TILE * units, units);
    if (!pairs)
        forms->joined = forms->rows;
    else if (forms->joined != NULL)
        pack_joined(forms->joined, forms->rows, plan->padded, plan->width);
}

/* delta = dout . out, which equals the sum over keys of probability times its gradient. */
static void row_facts(const struct bit_attention_backward_args *args, const struct bit_attention_plan *plan,
                      const struct scratch *s, int64_t head)
{
    const struct source out = out_of(args, args->out, head), dout = out_of(args, args->dout, head);
    const int64_t dim = args->head_dim;

    for (int64_t t = 0; t < plan->padded; t++) {
        vf sum = vf_set(0);

        for (int64_t d = 0; t < args->time && d < dim; d += BIT_LANES)
            sum += vf_load_upto(out.x, out.dtype, t * out.stride + d, dim - d, 0) *
                   vf_load_upto(dout.x, dout.dtype, t * out.stride + d, dim - d, 0);
        s->delta[t] = vf_sum(sum);
        s->lse[t] = t < args->time ? args->lse[head * args->time + t] * 1.44269504f : 0;
    }
}

/* Inputs for computing the probabilities and gradients of a tile of scores. */
struct tile {
    const float *lse, *delta; /* of its queries */
    float scale;
    bool diagonal;
};

INLINE vf probability(const struct scratch *s, const struct tile *tile, int64_t key, int64_t q)
{
    const vf p = vf_exp2(vf_load(s->scores + key * TILE + q) * (tile->scale * 1.44269504f) - vf_load(tile->lse + q));

    return tile->diagonal ? vf_select(sees(q, key), p, vf_set(0)) : p;
}

/* For two keys and BIT_LANES queries: probabilities, and the gradient of the scores in the layouts of both products. */
INLINE void differentiate(const struct scratch *s, const struct tile *tile, int64_t key, int64_t q, bool pairs)
{
    const vf delta = vf_load(tile->delta + q);
    const vf p0 = probability(s, tile, key, q), p1 = probability(s, tile, key + 1, q);
    const vf d0 = p0 * (vf_load(s->dscores + key * TILE + q) - delta) * tile->scale;
    const vf d1 = p1 * (vf_load(s->dscores + (key + 1) * TILE + q) - delta) * tile->scale;

    store_in_row(s->probabilities, key, q, p0, pairs);
    store_in_row(s->probabilities, key + 1, q, p1, pairs);
    store_in_row(s->dscore_rows, key, q, d0, pairs);
    store_in_row(s->dscore_rows, key + 1, q, d1, pairs);
    if (pairs)
        vu_store(s->dscore_columns + key / 2 * TILE + q, join_bf16(d0, d1));
}

INLINE void backward_tile(const struct bit_attention_plan *plan, const struct scratch *s, const struct tile *tile,
                          int64_t i, int64_t j, bool pairs)
{
    const int64_t width = plan->width, units = width / unit_elements(pairs), joins = TILE / unit_elements(pairs);
    const struct left keys = {s->keys.rows + j * TILE * units, units, 1};
    const struct left values = {s->values.rows + j * TILE * units, units, 1};
    const struct left probabilities = {s->probabilities, joins, 1}, by_key = {s->dscore_rows, joins, 1};
    const struct left by_query = {pairs ? s->dscore_columns : s->dscore_rows, 1, TILE};
    const int64_t query_columns = i * TILE * units, query_joins = i * joins * width, key_joins = j * joins * width;

    product(keys, s->queries.columns + query_columns, TILE, s->scores, TILE, units, false, pairs);
    product(values, s->gradients.columns + query_columns, TILE, s->dscores, TILE, units, false, pairs);
    for (int64_t key = 0; key < TILE; key += 2)
        for (int64_t q = 0; q < TILE; q += BIT_LANES)
            differentiate(s, tile, key, q, pairs);
    product(probabilities, s->gradients.joined + query_joins, width, s->dvalues, width, joins, i > j, pairs);
    product(by_key, s->queries.joined + query_joins, width, s->dkeys, width, joins, i > j, pairs);
    product(by_query, s->keys.joined + key_joins, width, s->dqueries + i * TILE * width, width, joins, j > 0, pairs);
}

/* Stores `count` rows, starting at position `first`, in a part of dqkv. */
static void store_rows(const struct bit_attention_backward_args *args, int64_t head, int part, const float *rows,
                       int64_t first, int64_t count, int64_t width)
{
    const int64_t b = head / args->heads, h = head % args->heads, dim = args->head_dim;

    for (int64_t t = first; t < first + count && t < args->time; t++, rows += width) {
        const int64_t at = (((b * args->time + t) * 3 + part) * args->heads + h) * dim;

        for (int64_t d = 0; d < dim; d += BIT_LANES)
            vf_store_upto(args->dqkv, args->dtype, at + d, dim - d, vf_load(rows + d));
    }
}

INLINE void backward_head(const struct bit_attention_backward_args *args, const struct bit_attention_plan *plan,
                          struct scratch s, int64_t head, bool pairs)
{
    const struct source queries = part_of(args, head, 0), keys = part_of(args, head, 1),
                        values = part_of(args, head, 2);
    const struct source gradients = out_of(args, args->dout, head);

    pack_forms(&s.queries, &queries, plan, pairs);
    pack_forms(&s.keys, &keys, plan, pairs);
    pack_forms(&s.values, &values, plan, pairs);
    pack_forms(&s.gradients, &gradients, plan, pairs);
    row_facts(args, plan, &s, head);
    for (int64_t j = 0; j < plan->tiles; j++) {
        for (int64_t i = j; i < plan->tiles; i++) {
            const struct tile tile = {s.lse + i * TILE, s.delta + i * TILE, 1 / sqrtf((float)args->head_dim), i == j};
            backward_tile(plan, &s, &tile, i, j, pairs);
        }
        store_rows(args, head, 1, s.dkeys, j * TILE, TILE, plan->width);
        store_rows(args, head, 2, s.dvalues, j * TILE, TILE, plan->width);
    }
    store_rows(args, head, 0, s.dqueries, 0, args->time, plan->width);
}

static void backward_f32(const struct bit_attention_backward_args *args, const struct bit_attention_plan *plan,
                         const struct scratch *s, int64_t head)
{
    backward_head(args, plan, *s, head, false);
}

#if BIT_LANES == 16
static void backward_pairs(const struct bit_attention_backward_args *args, const struct bit_attention_plan *plan,
                           const struct scratch *s, int64_t head)
{
    backward_head(args, plan, *s, head, true);
}
#endif

static void backward(const struct bit_attention_backward_args *args, const struct bit_attention_plan *plan,
                     const struct scratch *s, int64_t head)
{
#if BIT_LANES == 16
    if (args->dtype == BIT_BF16) {
        backward_pairs(args, plan, s, head);
        return;
    }
#endif
    backward_f32(args, plan, s, head);
}

int BIT_ISA(attention_backward)(const struct bit_exec *exec, const struct bit_attention_backward_args *args)
{
    const struct bit_attention_plan plan = bit_attention_plan(args->time, args->head_dim);
    const size_t need = bit_attention_backward_workspace(exec->threads, args->batch, args->time, args->heads,
                                                         args->head_dim);
    int err = bit_attention_backward_check(args);

    if (err < 0)
        return err;
    if (exec->workspace_bytes < need)
        return bit_fail(-ENOMEM, "attention_backward: workspace of %zu bytes where %zu are needed",
                        exec->workspace_bytes, need);
#pragma omp parallel num_threads(exec->threads)
    {
        const struct scratch s = lay_out(&plan, (uint32_t *)exec->workspace +
                                                    bit_team_member() * bit_attention_backward_units(&plan));
#pragma omp for schedule(dynamic, 1)
        for (int64_t head = 0; head < args->batch * args->heads; head++)
            backward(args, &plan, &s, head);
    }
    return 0;
}
