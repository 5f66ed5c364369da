/*
 * A tile of queries over tiles of keys, with a running maximum and sum for each query (arXiv 2205.14135): shared by
 * both forward operators. Scores are stored with queries across the lanes, so that maxima and sums need no reduction
 * within a vector.
 */
#ifndef BIT_KERNELS_CPU_ATTENTION_FORWARD_H
#define BIT_KERNELS_CPU_ATTENTION_FORWARD_H

#include <math.h>

#include "kernels/cpu/attention_tiles.h"

/* One thread's scratch, in units. */
struct scratch {
    uint32_t *keys, *values, *joined_values; /* all that the queries attend to */
    uint32_t *rows, *queries;                /* the tile's queries, by row and by column */
    float *scores, *out;                     /* (key, query), (query, WIDTH) */
    uint32_t *probabilities;                 /* (unit of key, query) */
    float *max, *sum, *correction;           /* (query) */
};

static inline struct scratch lay_out(const struct bit_attention_plan *plan, uint32_t *at)
{
    const int64_t head = plan->padded * plan->width, tile = TILE * plan->width;
    struct scratch s;

    s.keys = at;
    s.values = s.keys + head;
    s.joined_values = s.values + head;
    s.rows = s.joined_values + head;
    s.queries = s.rows + tile;
    s.out = (float *)(s.queries + tile);
    s.scores = s.out + tile;
    s.probabilities = (uint32_t *)(s.scores + TILE * TILE);
    s.max = (float *)(s.probabilities + TILE * TILE);
    s.sum = s.max + TILE;
    s.correction = s.sum + TILE;
    return s;
}

static inline void hide_future(float *scores)
{
    for (int64_t key = 0; key < TILE; key++)
        for (int64_t q = 0; q < TILE; q += BIT_LANES)
            vf_store(scores + key * TILE + q,
                     vf_select(sees(q, key), vf_load(scores + key * TILE + q), vf_set(-INFINITY)));
}

static inline void hide_after(float *scores, int64_t count)
{
    for (int64_t i = count * TILE; i < TILE * TILE; i += BIT_LANES)
        vf_store(scores + i, vf_set(-INFINITY));
}

/* Converts the scores of BIT_LANES queries to unnormalised probabilities; updates max, sum and correction. */
INLINE void soften(const struct scratch *s, int64_t q, float to_log2, bool pairs)
{
    const vf old = vf_load(s->max + q);
    vf max = old, sum;

    for (int64_t key = 0; key < TILE; key++)
        max = vf_max(vf_load(s->scores + key * TILE + q), max);
    const vf base = max * to_log2, correction = vf_exp2(old * to_log2 - base);
    sum = vf_load(s->sum + q) * correction;
    for (int64_t key = 0; key < TILE; key += 2) {
        const vf a = vf_exp2(vf_load(s->scores + key * TILE + q) * to_log2 - base);
        const vf b = vf_exp2(vf_load(s->scores + (key + 1) * TILE + q) * to_log2 - base);
        sum += a + b;
        if (pairs) {
            vu_store(s->probabilities + key / 2 * TILE + q, join_bf16(a, b));
        } else {
            vu_store(s->probabilities + key * TILE + q, (vu)a);
            vu_store(s->probabilities + (key + 1) * TILE + q, (vu)b);
        }
    }
    vf_store(s->max + q, max);
    vf_store(s->sum + q, sum);
    vf_store(s->correction + q, correction);
}

static inline void correct_out(const struct scratch *s, int64_t width)
{
    for (int64_t q = 0; q < TILE; q++) {
        if (s->correction[q] == 1)
            continue;
        for (int64_t d = 0; d < width; d += BIT_LANES)
            vf_store(s->out + q * width + d, vf_load(s->out + q * width + d) * s->correction[q]);
    }
}

INLINE void begin_queries(const struct scratch *s, const struct source *queries, int64_t first, int64_t width,
                          bool pairs)
{
    pack_rows(s->rows, queries, first, first + TILE, width, pairs);
    pack_columns(s->queries, s->rows, width / unit_elements(pairs));
    for (int64_t q = 0; q < TILE; q++) {
        s->max[q] = -INFINITY;
        s->sum[q] = 0;
    }
}

/* Adds tile j of the keys: the queries attend to all of it, or to keys not after them, or to its first `count` keys. */
enum sight { SEES_ALL, SEES_PAST, SEES_FIRST };
INLINE void add_keys(const struct scratch *s, int64_t j, enum sight sight, int64_t count, int64_t width, float to_log2,
                     bool pairs)
{
    const int64_t units = width / unit_elements(pairs), joins = TILE / unit_elements(pairs);
    const struct left keys = {s->keys + j * TILE * units, units, 1}, probabilities = {s->probabilities, 1, TILE};

    product(keys, s->queries, TILE, s->scores, TILE, units, false, pairs);
    if (sight == SEES_PAST)
        hide_future(s->scores);
    else if (sight == SEES_FIRST)
        hide_after(s->scores, count);
    for (int64_t q = 0; q < TILE; q += BIT_LANES)
        soften(s, q, to_log2, pairs);
    if (j > 0)
        correct_out(s, width);
    product(probabilities, s->joined_values + j * joins * width, width, s->out, width, joins, j > 0, pairs);
}

#endif
