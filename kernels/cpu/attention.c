/* Causal attention, forward: each tile of queries goes over the tiles of keys up to its own. */
#include <math.h>

#include "kernels/args.h"
#include "kernels/cpu/attention_forward.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/team.h"

static struct source part_of(const struct bit_attention_args *args, int64_t head, int part)
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

static void finish_tile(const struct bit_attention_args *args, const struct scratch *s, int64_t head, int64_t first,
                        int64_t width, float scale)
{
    const int64_t b = head / args->heads, h = head % args->heads, dim = args->head_dim;

    for (int64_t q = 0; q < TILE && first + q < args->time; q++) {
        const int64_t at = ((b * args->time + first + q) * args->heads + h) * dim;
        const float inverse = 1 / s->sum[q];

        for (int64_t d = 0; d < dim; d += BIT_LANES)
            vf_store_upto(args->out, args->dtype, at + d, dim - d, vf_load(s->out + q * width + d) * inverse);
        args->lse[head * args->time + first + q] = s->max[q] * scale + logf(s->sum[q]);
    }
}

INLINE void forward_tile(const struct bit_attention_args *args, const struct bit_attention_plan *plan,
                         const struct scratch *s, int64_t head, int64_t tile, bool pairs)
{
    const float scale = 1 / sqrtf((float)args->head_dim), to_log2 = scale * 1.44269504f;
    const struct source queries = part_of(args, head, 0);

    begin_queries(s, &queries, tile * TILE, plan->width, pairs);
    for (int64_t j = 0; j <= tile; j++)
        add_keys(s, j, j == tile ? SEES_PAST : SEES_ALL, TILE, plan->width, to_log2, pairs);
    finish_tile(args, s, head, tile * TILE, plan->width, scale);
}

/* Tiles [begin, end) of a head's queries. */
INLINE void forward_tiles(const struct bit_attention_args *args, const struct bit_attention_plan *plan,
                          struct scratch s, int64_t head, int64_t begin, int64_t end, bool pairs)
{
    const struct source keys = part_of(args, head, 1), values = part_of(args, head, 2);

    pack_rows(s.keys, &keys, 0, end * TILE, plan->width, pairs);
    pack_rows(s.values, &values, 0, end * TILE, plan->width, pairs);
    if (pairs)
        pack_joined(s.joined_values, s.values, end * TILE, plan->width);
    else
        s.joined_values = s.values;
    for (int64_t tile = begin; tile < end; tile++)
        forward_tile(args, plan, &s, head, tile, pairs);
}

static void forward_f32(const struct bit_attention_args *args, const struct bit_attention_plan *plan,
                        const struct scratch *s, int64_t head, int64_t begin, int64_t end)
{
    forward_tiles(args, plan, *s, head, begin, end, false);
}

#if BIT_LANES == 16
static void forward_pairs(const struct bit_attention_args *args, const struct bit_attention_plan *plan,
                          const struct scratch *s, int64_t head, int64_t begin, int64_t end)
{
    forward_tiles(args, plan, *s, head, begin, end, true);
}
#endif

static void forward(const struct bit_attention_args *args, const struct bit_attention_plan *plan,
                    const struct scratch *s, int64_t head, int64_t begin, int64_t end)
{
#if BIT_LANES == 16
    if (args->dtype == BIT_BF16) {
        forward_pairs(args, plan, s, head, begin, end);
        return;
    }
#endif
    forward_f32(args, plan, s, head, begin, end);
}

/* Heads are split into parts if there are too few of them to keep the threads busy; this does not change the bits. */
static int64_t parts_of_head(int threads, int64_t heads, int64_t tiles)
{
    const int64_t wanted = (4 * threads + heads - 1) / heads;

    return threads == 1 ? 1 : BIT_MIN(BIT_MAX(wanted, 1), tiles);
}

int BIT_ISA(attention)(const struct bit_exec *exec, const struct bit_attention_args *args)
{
    const struct bit_attention_plan plan = bit_attention_plan(args->time, args->head_dim);
    const int64_t heads = args->batch * args->heads;
    const size_t need = bit_attention_workspace(exec->threads, args->batch, args->time, args->heads, args->head_dim);
    int err = bit_attention_check(args);

    if (err < 0)
        return err;
    if (exec->workspace_bytes < need)
        return bit_fail(-ENOMEM, "attention: workspace of %zu bytes where %zu are needed", exec->workspace_bytes, need);
    if (heads == 0 || plan.tiles == 0)
        return 0;
    const int64_t parts = parts_of_head(exec->threads, heads, plan.tiles);

#pragma omp parallel num_threads(exec->threads)
    {
        const struct scratch s = lay_out(&plan,
                                         (uint32_t *)exec->workspace + bit_team_member() * bit_attention_units(&plan));
#pragma omp for schedule(dynamic, 1)
        for (int64_t i = heads * parts - 1; i >= 0; i--) /* later parts take longer, and come first */
            forward(args, &plan, &s, i % heads, i / heads * plan.tiles / parts, (i / heads + 1) * plan.tiles / parts);
    }
    return 0;
}
