/* The arena's layout: the same functions count the bytes and assign the pointers. */
#include "worker/model/activations.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/attention_branches.h"
#include "kernels/rope.h"
#include "proto/check.h"
#include "proto/err.h"

#define ALIGN 256
/* torch's default, which BitLinear's inner norm runs with. */
#define INNER_NORM_EPS 1e-5f

struct cursor {
    uint8_t *base; /* NULL: only count */
    int64_t used;
};

/* The ternary modes, and the mixtures compared with them, use the reference's f32 stream. */
static enum bit_dtype stream_of(const struct bit_worker_plan *plan, enum bit_mode mode)
{
    return mode == BIT_MODE_16BIT ? plan->residual : BIT_F32;
}

static struct bit_site_modes all_sites(enum bit_mode mode)
{
    return (struct bit_site_modes){{mode, mode, mode, mode}};
}

static void *take(struct cursor *c, int64_t bytes)
{
    void *at = c->base == NULL ? NULL : c->base + c->used;

    c->used += bit_round_up(bytes, ALIGN);
    return at;
}

/* The input of att_proj and ff_proj goes through the block's own norm and, in the ternary phase, BitLinear's inner norm
 * after it; both are computed as one norm (norm.h). */
static void describe_residual_input(struct bit_linear_input *in, const struct bit_worker_plan *plan, enum bit_mode mode,
                                    enum bit_dtype stream)
{
    const bool twice = mode != BIT_MODE_16BIT && plan->quantizer.inner_norm != BIT_NORM_NONE;

    in->mode = mode;
    in->norm = BIT_NORM_LAYER;
    in->norm_var_factor = twice ? 1 + INNER_NORM_EPS : 1;
    in->norm_eps = twice ? plan->norm_eps * INNER_NORM_EPS : plan->norm_eps;
    in->x_dtype = stream;
    in->residual = 1;
    in->gated = 0;
}

/* attn_out and ff_out take an activation as it is, or through the inner norm. */
static void describe_activation_input(struct bit_linear_input *in, const struct bit_worker_plan *plan,
                                      enum bit_mode mode)
{
    in->mode = mode;
    in->norm = mode == BIT_MODE_16BIT ? BIT_NORM_NONE : plan->quantizer.inner_norm;
    in->norm_var_factor = 1;
    in->norm_eps = INNER_NORM_EPS;
    in->x_dtype = plan->operands;
    in->residual = 0;
    in->gated = 0;
}

static void lay_input(struct cursor *c, struct bit_linear_input *in, const struct bit_worker_plan *plan, int64_t rows,
                      int64_t kept_cols)
{
    const enum bit_mode mode = in->mode;

    in->kept = kept_cols > 0 ? take(c, rows * kept_cols * (int64_t)bit_dtype_bytes(plan->operands)) : NULL;
    in->operand_dtype = mode == BIT_MODE_TERNARY ? BIT_I8 : plan->operands;
    in->scale = mode == BIT_MODE_16BIT ? NULL : take(c, rows * 4);
    in->mean = in->norm == BIT_NORM_NONE ? NULL : take(c, rows * 4);
    in->rstd = in->norm == BIT_NORM_NONE ? NULL : take(c, rows * 4);
}

static void lay_block(struct cursor *c, struct bit_block_activations *b, const struct bit_worker_plan *plan,
                      const struct bit_site_modes *modes, enum bit_dtype stream, int64_t rows, bool keeps)
{
    const int64_t width = plan->width, hidden = plan->hidden, size = (int64_t)bit_dtype_bytes(plan->operands);
    const int64_t kept_width = keeps ? width : 0, kept_hidden = keeps ? hidden : 0;
    const int64_t stream_bytes = rows * width * (int64_t)bit_dtype_bytes(stream);

    describe_residual_input(&b->input[BIT_SITE_ATT_PROJ], plan, modes->of[BIT_SITE_ATT_PROJ], stream);
    describe_activation_input(&b->input[BIT_SITE_ATTN_OUT], plan, modes->of[BIT_SITE_ATTN_OUT]);
    describe_residual_input(&b->input[BIT_SITE_FF_PROJ], plan, modes->of[BIT_SITE_FF_PROJ], stream);
    describe_activation_input(&b->input[BIT_SITE_FF_OUT], plan, modes->of[BIT_SITE_FF_OUT]);
    b->input[BIT_SITE_FF_OUT].gated = 1;

    b->x_att = take(c, stream_bytes);
    lay_input(c, &b->input[BIT_SITE_ATT_PROJ], plan, rows, kept_width);
    b->qkv = take(c, rows * 3 * width * size);
    b->clip_mask = plan->clip_qkv > 0 ? take(c, (rows * 3 * width + 7) / 8) : NULL;
    b->attention = take(c, rows * width * size);
    b->lse = take(c, rows * plan->heads * 4);
    lay_input(c, &b->input[BIT_SITE_ATTN_OUT], plan, rows,
              modes->of[BIT_SITE_ATTN_OUT] == BIT_MODE_16BIT ? 0 : kept_width);
    b->x_ff = take(c, stream_bytes);
    lay_input(c, &b->input[BIT_SITE_FF_PROJ], plan, rows, kept_width);
    b->up_gate = take(c, rows * 2 * hidden * size);
    lay_input(c, &b->input[BIT_SITE_FF_OUT], plan, rows, kept_hidden);
    b->input[BIT_SITE_ATT_PROJ].x = b->x_att;
    b->input[BIT_SITE_ATTN_OUT].x = b->attention;
    b->input[BIT_SITE_FF_PROJ].x = b->x_ff;
    b->input[BIT_SITE_FF_OUT].x = b->up_gate;
}

/* The 16-bit phase multiplies what is kept, and attention's output as it is; the other modes multiply its quantised
 * form. */
static void connect_operands(struct bit_arena *a, struct bit_block_activations *b)
{
    if (b->input[BIT_SITE_ATTN_OUT].mode == BIT_MODE_16BIT)
        b->input[BIT_SITE_ATTN_OUT].kept = b->attention;
    for (int site = 0; site < BIT_SITES; site++) {
        struct bit_linear_input *in = &b->input[site];
        in->operand = in->mode == BIT_MODE_16BIT && in->kept != NULL ? in->kept : a->operand;
    }
}

static void lay_head(struct cursor *c, struct bit_arena *a, const struct bit_worker_plan *plan, int64_t rows)
{
    const int64_t width = plan->width, size = (int64_t)bit_dtype_bytes(plan->operands);

    a->final = take(c, rows * width * size);
    a->logits = take(c, plan->head_rows * plan->vocab_padded * size);
    a->final_dinput = take(c, plan->head_rows * width * size);
}

/* A linear's operand, or the codes of the gradient at its output. */
static int64_t operand_bytes(const struct bit_worker_plan *plan, int64_t rows)
{
    const int64_t size = (int64_t)bit_dtype_bytes(plan->operands), outputs = BIT_MAX(3 * plan->width, 2 * plan->hidden);
    const int64_t operand = rows * BIT_MAX(plan->width, plan->hidden) * size;

    return plan->quantizer.int8_data_gradient ? BIT_MAX(operand, rows * outputs) : operand;
}

/* Scratch of the present block. While dqkv is in use, dinput is D wide. */
static void lay_block_scratch(struct cursor *c, struct bit_arena *a, const struct bit_worker_plan *plan, int64_t rows)
{
    const int64_t width = plan->width, size = (int64_t)bit_dtype_bytes(plan->operands);
    const int64_t wide = rows * BIT_MAX(width, plan->hidden) * size, narrow = rows * width * size;

    a->operand = take(c, operand_bytes(plan, rows));
    a->gradient_scale = plan->quantizer.int8_data_gradient ? take(c, rows * 4) : NULL;
    struct cursor attention = *c;
    a->dinput = take(c, wide);
    take(&attention, narrow);
    a->dqkv = take(&attention, 3 * narrow);
    c->used = BIT_MAX(c->used, attention.used);
}

static void lay_rest(struct cursor *c, struct bit_arena *a, const struct bit_worker_plan *plan, int64_t rows)
{
    const int64_t width = plan->width, size = (int64_t)bit_dtype_bytes(plan->operands);

    a->x_final = a->dx = take(c, rows * width * (int64_t)bit_dtype_bytes(a->stream));
    a->dx_operand = a->stream == plan->operands ? a->dx : take(c, rows * width * size);
    a->final_mean = take(c, rows * 4);
    a->final_rstd = take(c, rows * 4);
    a->loss = take(c, rows * 4);
    a->target = take(c, rows * 4);
    struct cursor block = *c;
    lay_head(c, a, plan, rows);
    lay_block_scratch(&block, a, plan, rows);
    c->used = BIT_MAX(c->used, block.used);
}

/* Lays the arena out for mode `mode`. What is kept through every change of mode comes first. */
static int64_t lay(struct bit_arena *a, const struct bit_worker_plan *plan, enum bit_mode mode,
                   const struct bit_site_modes *modes, int64_t micro_instances, uint8_t *base)
{
    struct bit_block_activations uncounted;
    struct cursor c = {.base = base};
    int64_t rows = micro_instances * plan->context;

    a->stream = stream_of(plan, mode);
    a->cos_sin = take(&c, plan->context * plan->head_dim * 4);
    a->loss_sum = take(&c, sizeof *a->loss_sum);
    a->tokens = take(&c, rows * (int64_t)sizeof *a->tokens);
    for (int l = 0; l < plan->layers; l++)
        lay_block(&c, base == NULL ? &uncounted : &a->blocks[l], plan, modes, a->stream, rows, !plan->recompute);
    lay_rest(&c, a, plan, rows);
    for (int l = 0; base != NULL && l < plan->layers; l++)
        connect_operands(a, &a->blocks[l]);
    return c.used;
}

static void lay_scoring(struct cursor *c, struct bit_scoring *s, const struct bit_worker_plan *plan,
                        enum bit_dtype stream, int64_t rows, int64_t logits)
{
    const int64_t width = plan->width;

    s->tokens = take(c, rows * (int64_t)sizeof *s->tokens);
    s->positions = take(c, rows * (int64_t)sizeof *s->positions);
    s->branches = take(c, rows * (int64_t)sizeof *s->branches);
    s->cos_sin = take(c, rows * plan->head_dim * 4);
    s->row = take(c, rows * (int64_t)sizeof *s->row);
    s->target = take(c, rows * 4);
    s->loss = take(c, rows * 4);
    s->x = take(c, logits * width * (int64_t)bit_dtype_bytes(stream));
    s->final = take(c, logits * width * (int64_t)bit_dtype_bytes(plan->operands));
    s->mean = take(c, logits * 4);
    s->rstd = take(c, logits * 4);
    s->logits = take(c, logits * plan->vocab_padded * 4);
}

/* The table of angles stays at the start. */
static int64_t lay_packed(struct bit_arena *a, const struct bit_worker_plan *plan, enum bit_mode mode, int64_t rows,
                          int64_t logits, uint8_t *base)
{
    const struct bit_site_modes modes = all_sites(mode);
    struct bit_block_activations block;
    struct cursor c = {.base = base};

    a->stream = stream_of(plan, mode);
    a->cos_sin = take(&c, plan->context * plan->head_dim * 4);
    a->loss_sum = take(&c, sizeof *a->loss_sum);
    lay_scoring(&c, &a->scoring, plan, a->stream, rows, logits);
    lay_block(&c, &block, plan, &modes, a->stream, rows, false);
    a->operand = take(&c, rows * BIT_MAX(plan->width, plan->hidden) * (int64_t)bit_dtype_bytes(plan->operands));
    a->x_final = block.x_att;
    connect_operands(a, &block);
    for (int l = 0; base != NULL && l < plan->layers; l++)
        a->blocks[l] = block;
    return c.used;
}

int64_t bit_arena_scoring_bytes(const struct bit_worker_plan *plan, int64_t rows, int64_t logits)
{
    struct bit_arena uncounted;
    int64_t of_16bit = lay_packed(&uncounted, plan, BIT_MODE_16BIT, rows, logits, NULL);

    return BIT_MAX(of_16bit, lay_packed(&uncounted, plan, BIT_MODE_TERNARY, rows, logits, NULL));
}

int64_t bit_arena_bytes(const struct bit_worker_plan *plan, int64_t micro_instances)
{
    struct bit_arena uncounted;
    int64_t most = 0;

    for (int mode = 0; mode < (plan->blends ? BIT_MODES : BIT_MODE_BLENDED); mode++) {
        const struct bit_site_modes modes = all_sites((enum bit_mode)mode);
        most = BIT_MAX(most, lay(&uncounted, plan, (enum bit_mode)mode, &modes, micro_instances, NULL));
    }
    return most; /* a mixture needs no more than a blend */
}

void bit_arena_set_mode(struct bit_arena *arena, const struct bit_worker_plan *plan, enum bit_mode mode)
{
    const struct bit_site_modes modes = all_sites(mode);

    BIT_ASSERT(lay(arena, plan, mode, &modes, plan->micro_instances, arena->base) <= (int64_t)arena->bytes);
    arena->mode = mode;
}

void bit_arena_set_mixture(struct bit_arena *arena, const struct bit_worker_plan *plan,
                           const struct bit_site_modes *modes)
{
    BIT_ASSERT(plan->blends);
    BIT_ASSERT(lay(arena, plan, BIT_MODE_BLENDED, modes, plan->micro_instances, arena->base) <= (int64_t)arena->bytes);
    arena->mode = BIT_MODE_BLENDED;
}

void bit_arena_set_scoring(struct bit_arena *arena, const struct bit_worker_plan *plan)
{
    BIT_ASSERT(arena->mode != BIT_MODE_BLENDED);
    BIT_ASSERT(lay_packed(arena, plan, arena->mode, plan->score_rows, plan->score_logits, arena->base) <=
               (int64_t)arena->bytes);
}

/* Angles are computed on the host, whatever the backend. */
static int upload_angles(struct bit_arena *a, const struct bit_worker_plan *plan, struct bit_exec *exec)
{
    const size_t bytes = (size_t)(plan->context * plan->head_dim) * sizeof(float);
    float *cos_sin = malloc(bytes);
    int err;

    if (cos_sin == NULL)
        return bit_fail(-ENOMEM, "the table of angles");
    bit_rope_table(plan->context, plan->head_dim, plan->rope_theta, cos_sin);
    err = bit_exec_copy(exec, a->cos_sin, cos_sin, bytes);
    if (err >= 0)
        err = bit_exec_wait(exec);
    free(cos_sin);
    return err;
}

int bit_arena_create(const struct bit_worker_plan *plan, struct bit_exec *exec, struct bit_arena **out)
{
    struct bit_arena *a = calloc(1, sizeof *a);
    int err = -ENOMEM;

    if (a == NULL)
        return bit_fail(err, "activations");
    a->bytes = (size_t)plan->arena_bytes;
    a->blocks = calloc((size_t)plan->layers, sizeof *a->blocks);
    err = a->blocks == NULL ? bit_fail(-ENOMEM, "%d blocks", plan->layers) : bit_exec_alloc(exec, a->bytes, &a->base);
    if (err < 0)
        goto out;
    bit_arena_set_mode(a, plan, BIT_MODE_16BIT);
    err = upload_angles(a, plan, exec);
    if (err < 0)
        goto out;
    *out = a;
    return 0;
out:
    bit_arena_destroy(a, exec);
    return bit_fail_within(err, "activations of %" PRId64 " bytes", plan->arena_bytes);
}

void bit_arena_destroy(struct bit_arena *arena, struct bit_exec *exec)
{
    if (arena == NULL)
        return;
    bit_exec_free(exec, arena->base, arena->bytes);
    free(arena->blocks);
    free(arena);
}
