#include "worker/model/score.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/embed.h"
#include "kernels/matmul.h"
#include "kernels/norm.h"
#include "kernels/xent.h"
#include "proto/check.h"
#include "proto/err.h"
#include "worker/model/activations.h"
#include "worker/model/block.h"
#include "worker/model/head.h"

#define ROWS_LEAST 64

/*
 * The number of rows to compute: on a processor as many as wanted; on a GPU `most`, or a half, a quarter ... of it if
 * that is enough, because cuBLASLt chooses an algorithm for each shape, which takes longer than running it. Nothing
 * reads the extra rows.
 */
static int64_t rows_for(const struct bit_worker_plan *plan, int64_t wanted, int64_t most)
{
    if (plan->backend != BIT_BACKEND_CUDA)
        return wanted;
    while (most / 2 >= BIT_MAX(wanted, ROWS_LEAST))
        most /= 2;
    return most;
}

/* table[ids], by the embedding's operator. */
static int gather(struct bit_model *model, const void *table, enum bit_dtype dtype, int64_t table_rows, int64_t cols,
                  const uint32_t *ids, int64_t rows, void *to)
{
    const struct bit_embed_args args = {
        .rows = rows,
        .cols = cols,
        .vocab = table_rows,
        .ids = ids,
        .table = table,
        .table_dtype = dtype,
        .y = to,
        .y_dtype = dtype,
    };

    return bit_embed(&model->exec, &args);
}

static int upload(struct bit_model *model, const struct bit_packs *packs, const struct bit_pack *pack, int64_t rows)
{
    const struct bit_scoring *s = &model->arena->scoring;
    const struct {
        void *to;
        const void *from;
        int64_t bytes;
    } part[] = {
        {s->tokens, packs->token + pack->first_row, pack->rows * (int64_t)sizeof *s->tokens},
        {s->positions, packs->position + pack->first_row, pack->rows * (int64_t)sizeof *s->positions},
        {s->branches, packs->branch + pack->first_branch, pack->branches * (int64_t)sizeof *s->branches},
        {s->row, packs->row + pack->first_target, pack->targets * (int64_t)sizeof *s->row},
        {s->target, packs->target + pack->first_target, pack->targets * (int64_t)sizeof *s->target},
    };
    int err = 0;

    if (rows > pack->rows) { /* the extra rows are token 0 at position 0 */
        err = bit_exec_zero(&model->exec, s->tokens, (size_t)rows * sizeof *s->tokens);
        if (err >= 0)
            err = bit_exec_zero(&model->exec, s->positions, (size_t)rows * sizeof *s->positions);
    }
    for (size_t i = 0; err >= 0 && i < BIT_COUNT(part); i++)
        err = bit_exec_copy(&model->exec, part[i].to, part[i].from, (size_t)part[i].bytes);
    return err;
}

/* Embedding and blocks: leaves the stream in arena->x_final. */
static int forward(struct bit_model *model, const struct bit_pack *pack, int64_t rows)
{
    const struct bit_worker_plan *plan = model->plan;
    struct bit_arena *a = model->arena;
    const struct bit_scoring *s = &a->scoring;
    const struct bit_extent extent = {
        .instances = 1,
        .time = rows,
        .cos_sin = s->cos_sin,
        .branches = s->branches,
        .branch_count = pack->branches,
        .branch_time = pack->time,
    };
    int err = gather(model, a->cos_sin, BIT_F32, plan->context, plan->head_dim, s->positions, rows, s->cos_sin);

    if (err >= 0)
        err = bit_head_embed(model, s->tokens, rows, a->x_final);
    for (int l = 0; err >= 0 && l < plan->layers; l++)
        err = bit_block_forward(model, l, &extent, a->x_final);
    return err;
}

static int normalise(struct bit_model *model, int64_t rows)
{
    const struct bit_scoring *s = &model->arena->scoring;
    const struct bit_norm_args args = {
        .rows = rows,
        .cols = model->plan->width,
        .kind = BIT_NORM_LAYER,
        .eps = model->plan->norm_eps,
        .x = s->x,
        .x_dtype = model->arena->stream,
        .y = s->final,
        .y_dtype = model->plan->operands,
        .mean = s->mean,
        .rstd = s->rstd,
    };

    return bit_norm(&model->exec, &args);
}

static int multiply(struct bit_model *model, int64_t rows)
{
    const struct bit_worker_plan *plan = model->plan;
    const struct bit_matmul_args args = {
        .form = BIT_MATMUL_NT,
        .m = rows,
        .n = plan->vocab_padded,
        .k = plan->width,
        .a = model->arena->scoring.final,
        .b = bit_head_weights(model),
        .ab_dtype = plan->operands,
        .c = model->arena->scoring.logits,
        .c_dtype = BIT_F32,
    };

    return bit_matmul(&model->exec, &args);
}

static int lose(struct bit_model *model, int64_t first, int64_t rows)
{
    const struct bit_scoring *s = &model->arena->scoring;
    const struct bit_xent_args args = {
        .rows = rows,
        .vocab = model->plan->vocab_padded,
        .logits = s->logits,
        .logits_dtype = BIT_F32,
        .target = s->target + first,
        .loss = s->loss + first,
    };

    return bit_xent(&model->exec, &args);
}

/* Only rows that predict a wanted token go through the head. */
static int head(struct bit_model *model, const struct bit_pack *pack, int64_t rows)
{
    const struct bit_worker_plan *plan = model->plan;
    const struct bit_scoring *s = &model->arena->scoring;
    int err = 0;

    for (int64_t first = 0; err >= 0 && first < pack->targets; first += plan->score_logits) {
        const int64_t some = BIT_MIN(plan->score_logits, pack->targets - first);
        const int64_t more = rows_for(plan, some, plan->score_logits);

        err = gather(model, model->arena->x_final, model->arena->stream, rows, plan->width, s->row + first, some, s->x);
        if (err >= 0)
            err = normalise(model, more);
        if (err >= 0)
            err = multiply(model, more);
        if (err >= 0)
            err = lose(model, first, some);
    }
    return err;
}

static int score_pack(struct bit_model *model, const struct bit_packs *packs, const struct bit_pack *pack, float *loss)
{
    const int64_t rows = rows_for(model->plan, pack->rows, model->plan->score_rows);
    int err = upload(model, packs, pack, rows);

    if (err >= 0)
        err = forward(model, pack, rows);
    if (err >= 0)
        err = head(model, pack, rows);
    if (err >= 0)
        err = bit_exec_copy(&model->exec, loss + pack->first_target, model->arena->scoring.loss,
                            (size_t)pack->targets * sizeof *loss);
    return err;
}

int bit_score(struct bit_model *model, const struct bit_packs *packs, int64_t first, int64_t step, float *loss)
{
    const size_t bytes = (size_t)BIT_MAX(packs->targets, 1) * sizeof *loss;
    struct bit_arena *a = model->arena;
    const enum bit_mode mode = a->mode;
    void *room = NULL; /* pinned, so that copies from a GPU need not wait for each other */
    int err = bit_exec_alloc_host(&model->exec, bytes, &room), waited;

    if (err < 0)
        return bit_fail_within(err, "losses of %zu bytes", bytes);
    bit_arena_set_scoring(a, model->plan);
    for (int64_t i = first; err >= 0 && i < packs->count; i += step)
        err = score_pack(model, packs, &packs->pack[i], room);
    waited = bit_exec_wait(&model->exec);
    bit_arena_set_mode(a, model->plan, mode);
    for (int64_t i = first; err >= 0 && waited >= 0 && i < packs->count; i += step) {
        const struct bit_pack *pack = &packs->pack[i];

        memcpy(loss + pack->first_target, (const float *)room + pack->first_target,
               (size_t)pack->targets * sizeof *loss);
    }
    bit_exec_free_host(&model->exec, room, bytes);
    return err < 0 ? err : waited;
}
