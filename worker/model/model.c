#include "worker/model/model.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/data/token_file.h"
#include "proto/err.h"
#include "worker/model/activations.h"
#include "worker/model/block.h"
#include "worker/model/head.h"

/* ---- life */

static size_t weight_bytes(const struct bit_worker_plan *plan)
{
    return (size_t)plan->elements * bit_dtype_bytes(plan->operands);
}

static int segment_count(const struct bit_worker_plan *plan)
{
    int count = 0;

    for (int i = 0; i < plan->linear_count; i++)
        count += plan->linears[i].segment_count;
    return count;
}

static size_t scale_bytes(const struct bit_worker_plan *plan)
{
    return (size_t)segment_count(plan) * sizeof(float);
}

static int create_segments(struct bit_model *model)
{
    const struct bit_worker_plan *plan = model->plan;
    int at = 0;

    model->segments = calloc((size_t)plan->linear_count, sizeof *model->segments);
    if (model->segments == NULL)
        return bit_fail(-ENOMEM, "segments of %d linears", plan->linear_count);
    for (int i = 0; i < plan->linear_count; i++) {
        model->segments[i].count = plan->linears[i].segment_count;
        model->segments[i].scale = model->scales + at;
        for (int s = 0; s < plan->linears[i].segment_count; s++)
            model->segments[i].rows[s] = plan->linears[i].segment_rows[s];
        at += plan->linears[i].segment_count;
    }
    return 0;
}

static size_t grad_bytes(const struct bit_worker_plan *plan)
{
    return plan->trains ? (size_t)plan->elements * sizeof(float) : 0;
}

static int allocate(struct bit_model *model)
{
    const struct bit_worker_plan *plan = model->plan;
    struct bit_exec *exec = &model->exec;
    int err = bit_exec_alloc(exec, weight_bytes(plan), &model->weights);

    if (err >= 0)
        err = bit_exec_alloc(exec, scale_bytes(plan), (void **)&model->scales);
    if (err >= 0 && plan->trains)
        err = bit_exec_alloc(exec, grad_bytes(plan), (void **)&model->grad);
    if (err < 0)
        return bit_fail_within(err, "weights and gradient of %" PRId64 " elements", plan->elements);
    return create_segments(model);
}

int bit_model_create(const struct bit_worker_plan *plan, enum bit_backend backend, struct bit_model **out)
{
    struct bit_model *model = calloc(1, sizeof *model);
    int err;

    if (model == NULL)
        return bit_fail(-ENOMEM, "model");
    model->plan = plan;
    err = bit_exec_init(&model->exec, backend, plan->threads, (size_t)plan->workspace_bytes);
    if (err >= 0)
        err = allocate(model);
    if (err >= 0)
        err = bit_arena_create(plan, &model->exec, &model->arena);
    if (err < 0)
        goto out;
    bit_model_set_phase(model, BIT__PRECISION__SIXTEEN_BIT, 1.0);
    *out = model;
    model = NULL;
out:
    bit_model_destroy(model);
    return err;
}

void bit_model_destroy(struct bit_model *model)
{
    if (model == NULL)
        return;
    for (int part = 0; part < BIT_MODEL_PARTS; part++)
        bit_replay_finish(&model->replay[part]);
    bit_arena_destroy(model->arena, &model->exec);
    bit_exec_free(&model->exec, model->weights, weight_bytes(model->plan));
    bit_exec_free(&model->exec, model->scales, scale_bytes(model->plan));
    bit_exec_free(&model->exec, model->grad, grad_bytes(model->plan));
    bit_exec_finish(&model->exec);
    free(model->segments);
    free(model);
}

void bit_model_set_phase(struct bit_model *model, Bit__Precision precision, double strength)
{
    enum bit_mode mode = BIT_MODE_16BIT;

    BIT_ASSERT(strength > 0 && strength <= 1);
    if (precision == BIT__PRECISION__TERNARY)
        mode = strength == 1 ? BIT_MODE_TERNARY : BIT_MODE_BLENDED;
    model->precision = precision;
    model->strength = (float)strength;
    bit_arena_set_mode(model->arena, model->plan, mode);
}

void bit_model_set_part(struct bit_model *model, const struct bit_site_modes *modes, bool activations)
{
    model->precision = BIT__PRECISION__TERNARY;
    model->strength = activations ? 1 : 0;
    bit_arena_set_mixture(model->arena, model->plan, modes);
}

/* ---- the passes */

int bit_model_check_tokens(const struct bit_worker_plan *plan, const uint32_t *tokens, int64_t instances)
{
    int64_t bad = bit_token_find_invalid(tokens, (size_t)(instances * plan->context), sizeof *tokens,
                                         (uint32_t)plan->vocab);

    if (bad < 0)
        return 0;
    return bit_fail(BIT_EDATA,
                    "token %u at position %" PRId64 " of instance %" PRId64 " is beyond the vocabulary of %" PRId64,
                    tokens[bad], bad % plan->context, bad / plan->context, plan->vocab);
}

/* Copies the tokens to where operators read them. */
static int take_tokens(struct bit_model *model, const uint32_t *tokens, int64_t instances)
{
    const size_t bytes = (size_t)(instances * model->plan->context) * sizeof *tokens;

    return bit_exec_copy(&model->exec, model->arena->tokens, tokens, bytes);
}

/* Call before weights below `end` are read. */
static int need(struct bit_model *model, int64_t end)
{
    return model->need_weights != NULL ? model->need_weights(model->need_weights_arg, end) : 0;
}

static int64_t end_of_block(const struct bit_worker_plan *plan, int l)
{
    const struct bit_linear *last = &plan->linears[l * BIT_SITES + BIT_SITES - 1];

    return last->offset + last->rows * last->cols;
}

/* Embedding and blocks: leaves the stream in arena->x_final. */
static int forward(struct bit_model *model, int64_t instances)
{
    const struct bit_worker_plan *plan = model->plan;
    struct bit_arena *a = model->arena;
    const struct bit_extent extent = {.instances = instances, .time = plan->context, .cos_sin = a->cos_sin};
    int err = need(model, plan->linears[0].offset);

    if (err >= 0)
        err = bit_head_embed(model, a->tokens, instances * plan->context, a->blocks[0].x_att);
    for (int l = 0; err >= 0 && l < plan->layers; l++) {
        err = need(model, end_of_block(plan, l));
        if (err >= 0)
            err = bit_block_forward(model, l, &extent, l + 1 < plan->layers ? a->blocks[l + 1].x_att : a->x_final);
    }
    return err < 0 ? err : need(model, plan->elements); /* an untied head */
}

static void enter(struct bit_model *model, enum bit_model_part part)
{
    if (model->entered != NULL)
        model->entered(model->entered_arg, part);
}

static void announce(struct bit_model *model, int64_t begin, int64_t end)
{
    if (model->grad_ready != NULL && begin < end)
        model->grad_ready(model->grad_ready_arg, begin, end);
}

/* From arena->dx, the gradient after the last block, down to the embedding. */
static int backward(struct bit_model *model, int64_t instances)
{
    const struct bit_worker_plan *plan = model->plan;
    int64_t end = end_of_block(plan, plan->layers - 1);
    int err;

    announce(model, end, plan->elements); /* an untied head's */
    for (int l = plan->layers - 1; l >= 0; l--) {
        int64_t begin = plan->linears[l * BIT_SITES].offset;

        err = bit_block_backward(model, l, instances);
        if (err < 0)
            return err;
        announce(model, begin, end);
        end = begin;
    }
    err = bit_head_embed_backward(model, model->arena->tokens, instances);
    if (err < 0)
        return err;
    announce(model, 0, end);
    return 0;
}

static int clear_loss(struct bit_model *model)
{
    return bit_exec_zero(&model->exec, model->arena->loss_sum, sizeof *model->arena->loss_sum);
}

int bit_model_clear(struct bit_model *model)
{
    int err = bit_exec_zero(&model->exec, model->grad, grad_bytes(model->plan));

    return err < 0 ? err : clear_loss(model);
}

int bit_model_read_loss(struct bit_model *model, double *loss_sum)
{
    double read = 0;
    int err = bit_exec_copy(&model->exec, &read, model->arena->loss_sum, sizeof read);

    if (err >= 0)
        err = bit_exec_wait(&model->exec);
    if (err >= 0)
        *loss_sum = read;
    return err;
}

/* Everything that a part of a micro-batch depends on, except memory contents. No padding: keys are compared byte by
 * byte. */
struct micro_batch {
    int64_t instances;
    double grad_scale;
    int32_t mode;
    float strength;
};
_Static_assert(sizeof(struct micro_batch) == 24 && sizeof(struct micro_batch) <= BIT_REPLAY_KEY_BYTES, "a key");

struct part {
    struct bit_model *model;
    struct micro_batch batch;
};

static int run_forward(void *arg)
{
    const struct part *p = arg;

    return forward(p->model, p->batch.instances);
}

static int run_backward(void *arg)
{
    const struct part *p = arg;
    int err = bit_head_loss_backward(p->model, p->batch.instances, p->batch.grad_scale);

    return err < 0 ? err : backward(p->model, p->batch.instances);
}

/* Replays the recorded graph, unless a callback is set or the strength differs in each step. */
static int do_part(struct part *p, enum bit_model_part part)
{
    int (*const run)(void *) = part == BIT_MODEL_FORWARD ? run_forward : run_backward;
    struct bit_model *model = p->model;
    const bool calls = part == BIT_MODEL_FORWARD ? model->need_weights != NULL : model->grad_ready != NULL;

    enter(model, part);
    if (calls || model->arena->mode == BIT_MODE_BLENDED)
        return run(p);
    return bit_replay(&model->replay[part], &model->exec, &p->batch, sizeof p->batch, run, p);
}

int bit_model_accumulate(struct bit_model *model, const uint32_t *tokens, int64_t instances, double grad_scale)
{
    struct part p = {model, {instances, grad_scale, (int32_t)model->arena->mode, model->strength}};
    int err = take_tokens(model, tokens, instances);

    BIT_ASSERT(instances >= 1 && instances <= model->plan->micro_instances && grad_scale > 0);
    if (err >= 0)
        err = do_part(&p, BIT_MODEL_FORWARD);
    return err < 0 ? err : do_part(&p, BIT_MODEL_BACKWARD);
}

int bit_model_evaluate(struct bit_model *model, const uint32_t *tokens, int64_t instances, double *loss_sum,
                       uint64_t *targets)
{
    const struct bit_worker_plan *plan = model->plan;
    int err = clear_loss(model);

    for (int64_t i = 0; err >= 0 && i < instances; i += plan->micro_instances) {
        const uint32_t *at = tokens + i * plan->context;
        int64_t some = BIT_MIN(plan->micro_instances, instances - i);

        err = take_tokens(model, at, some);
        if (err >= 0)
            err = forward(model, some);
        if (err >= 0)
            err = bit_head_loss(model, some);
    }
    if (err >= 0)
        err = bit_model_read_loss(model, loss_sum);
    if (err < 0)
        return err;
    *targets = (uint64_t)(instances * (plan->context - 1));
    return 0;
}

int bit_model_logits(struct bit_model *model, const uint32_t *tokens, int64_t instances, float *logits)
{
    int err;

    BIT_ASSERT(instances >= 1 && instances <= model->plan->micro_instances);
    err = take_tokens(model, tokens, instances);
    if (err >= 0)
        err = forward(model, instances);
    return err < 0 ? err : bit_head_logits(model, instances, logits);
}
