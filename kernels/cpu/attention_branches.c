/* Attention over branches: each branch attends to the tiles of its trunk, and after them to its own. */
#include "kernels/attention_branches.h"

#include <math.h>

#include "kernels/args.h"
#include "kernels/cpu/attention_forward.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/team.h"

/* Rows [first, first + rows) of q, k or v (part 0, 1 or 2) of one head. */
static struct source part_of(const struct bit_attention_branches_args *args, int64_t head, int part, int64_t first,
                             int64_t rows)
{
    const int64_t stride = 3 * args->heads * args->head_dim;
    const int64_t at = first * stride + (part * args->heads + head) * args->head_dim;

    return (struct source){
        .x = (const uint8_t *)args->qkv + (size_t)at * bit_dtype_bytes(args->dtype),
        .dtype = args->dtype,
        .stride = stride,
        .time = rows,
        .dim = args->head_dim,
    };
}

static int64_t tiles_of(int64_t rows)
{
    return (rows + TILE - 1) / TILE;
}

/* Packs a range's keys and values, starting at tile `tile` of the scratch. */
INLINE void pack_range(const struct bit_attention_branches_args *args, const struct scratch *s, int64_t head,
                       int64_t first, int64_t rows, int64_t tile, int64_t width, bool pairs)
{
    const struct source keys = part_of(args, head, 1, first, rows), values = part_of(args, head, 2, first, rows);
    const int64_t padded = tiles_of(rows) * TILE, at = tile * TILE * width / unit_elements(pairs);

    pack_rows(s->keys + at, &keys, 0, padded, width, pairs);
    pack_rows(s->values + at, &values, 0, padded, width, pairs);
    if (pairs)
        pack_joined(s->joined_values + at, s->values + at, padded, width);
}

static void finish_tile(const struct bit_attention_branches_args *args, const struct scratch *s,
                        const struct bit_branch *b, int64_t head, int64_t first, int64_t width)
{
    const int64_t dim = args->head_dim;

    for (int64_t q = 0; q < TILE && first + q < b->rows; q++) {
        const int64_t at = ((b->first + first + q) * args->heads + head) * dim;
        const float inverse = 1 / s->sum[q];

        for (int64_t d = 0; d < dim; d += BIT_LANES)
            vf_store_upto(args->out, args->dtype, at + d, dim - d, vf_load(s->out + q * width + d) * inverse);
    }
}

INLINE void forward_branch(const struct bit_attention_branches_args *args, struct scratch s, const struct bit_branch *b,
                           int64_t head, int64_t width, bool pairs)
{
    const struct source queries = part_of(args, head, 0, b->first, b->rows);
    const int64_t trunk_tiles = tiles_of(b->trunk_rows), rest = b->trunk_rows % TILE;
    const float to_log2 = 1 / sqrtf((float)args->head_dim) * 1.44269504f;

    if (!pairs)
        s.joined_values = s.values;
    pack_range(args, &s, head, b->trunk_first, b->trunk_rows, 0, width, pairs);
    pack_range(args, &s, head, b->first, b->rows, trunk_tiles, width, pairs);
    for (int64_t tile = 0; tile < tiles_of(b->rows); tile++) {
        begin_queries(&s, &queries, tile * TILE, width, pairs);
        for (int64_t j = 0; j < trunk_tiles; j++)
            add_keys(&s, j, rest > 0 && j + 1 == trunk_tiles ? SEES_FIRST : SEES_ALL, rest, width, to_log2, pairs);
        for (int64_t j = 0; j <= tile; j++)
            add_keys(&s, trunk_tiles + j, j == tile ? SEES_PAST : SEES_ALL, TILE, width, to_log2, pairs);
        finish_tile(args, &s, b, head, tile * TILE, width);
    }
}

static void forward_f32(const struct bit_attention_branches_args *args, const struct scratch *s,
                        const struct bit_branch *b, int64_t head, int64_t width)
{
    forward_branch(args, *s, b, head, width, false);
}

#if BIT_LANES == 16
static void forward_pairs(const struct bit_attention_branches_args *args, const struct scratch *s,
                          const struct bit_branch *b, int64_t head, int64_t width)
{
    forward_branch(args, *s, b, head, width, true);
}
#endif

static void forward(const struct bit_attention_branches_args *args, const struct scratch *s, int64_t item,
                    int64_t width)
{
    const struct bit_branch *b = &args->branches[item / args->heads];

#if BIT_LANES == 16
    if (args->dtype == BIT_BF16) {
        forward_pairs(args, s, b, item % args->heads, width);
        return;
    }
#endif
    forward_f32(args, s, b, item % args->heads, width);
}

int BIT_ISA(attention_branches)(const struct bit_exec *exec, const struct bit_attention_branches_args *args)
{
    const size_t need = bit_attention_branches_workspace(BIT_BACKEND_CPU, exec->threads, args->time, args->head_dim);
    int err = bit_attention_branches_check(args);

    if (err >= 0)
        err = bit_check_branches(args);
    if (err < 0)
        return err;
    if (exec->workspace_bytes < need)
        return bit_fail(-ENOMEM, "attention_branches: workspace of %zu bytes where %zu are needed",
                        exec->workspace_bytes, need);
    const struct bit_attention_plan plan = bit_attention_plan(args->time + TILE, args->head_dim);

#pragma omp parallel num_threads(exec->threads)
    {
        const struct scratch s = lay_out(&plan,
                                         (uint32_t *)exec->workspace + bit_team_member() * bit_attention_units(&plan));
#pragma omp for schedule(dynamic, 1)
        for (int64_t i = 0; i < args->count * args->heads; i++)
            forward(args, &s, i, plan.width);
    }
    return 0;
}
