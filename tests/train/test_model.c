/* The model on its own: gradients against finite differences, repeatability, no allocation, refusals. */
#include <errno.h>
#include <math.h>

#include "proto/err.h"
#include "tests/sanitizer.h"
#include "tests/test.h"
#include "tests/train/single.h"

#define SHAPE(more)                                                                                                    \
    "model { layers: 2 width: 32 heads: 2 mlp_hidden: 48 vocab: 90 vocab_padded: 96 context: 16 " more " }"            \
    " batch { instances: 4 micro_instances: 2 }"
#define SPEC(more) SHAPE(more) " quantizer { preset: 'continual' }"

/* ---- counting all allocations of the program */

static _Atomic long allocations;

#if TEST_SANITIZED || !defined(__GLIBC__)
#define COUNTS_ALLOCATIONS 0
#else
#define COUNTS_ALLOCATIONS 1
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *p, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);

void *malloc(size_t bytes)
{
    allocations++;
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    allocations++;
    return __libc_calloc(count, bytes);
}

void *realloc(void *p, size_t bytes)
{
    allocations++;
    return __libc_realloc(p, bytes);
}

void *aligned_alloc(size_t align, size_t bytes)
{
    allocations++;
    return __libc_memalign(align, bytes);
}

int posix_memalign(void **out, size_t align, size_t bytes)
{
    allocations++;
    *out = __libc_memalign(align, bytes);
    return *out == NULL ? ENOMEM : 0;
}
#endif

/* ---- fixtures */

static void draw(const struct single *s, uint32_t *tokens)
{
    uint32_t state = 7;

    for (int64_t i = 0; i < s->plan.instances * s->plan.context; i++) {
        state = state * 1664525u + 1013904223u;
        tokens[i] = (uint32_t)((state >> 16) % (uint32_t)s->plan.vocab);
    }
}

/* Trains on the whole batch without an update. Returns the loss over all positions; the gradient is in model->grad. */
static double step(struct single *s, const uint32_t *tokens)
{
    const double positions = (double)(s->plan.instances * s->plan.context);
    double loss = 0;

    EXPECT_EQ(bit_model_clear(s->model), 0);
    for (int64_t i = 0; i < s->plan.instances; i += s->plan.micro_instances)
        EXPECT_EQ(bit_model_accumulate(s->model, tokens + i * s->plan.context, s->plan.micro_instances, 1 / positions),
                  0);
    EXPECT_EQ(bit_model_read_loss(s->model, &loss), 0);
    return loss / positions;
}

/* The loss with the tensor moved by `by` along its own gradient. */
static double loss_at(struct single *s, const uint32_t *tokens, const struct bit_tensor *tensor, const float *gradient,
                      double by, Bit__Precision precision, double strength)
{
    const int64_t count = tensor->rows * tensor->cols;
    float *kept = malloc((size_t)count * sizeof *kept);
    uint64_t targets = 0;
    double loss = 0;

    memcpy(kept, s->master + tensor->offset, (size_t)count * sizeof *kept);
    for (int64_t i = 0; i < count; i++)
        s->master[tensor->offset + i] += (float)(by * gradient[tensor->offset + i]);
    EXPECT_EQ(single_publish(s, precision, strength), 0);
    EXPECT_EQ(bit_model_evaluate(s->model, tokens, s->plan.instances, &loss, &targets), 0);
    EXPECT_EQ(targets, (uint64_t)(s->plan.instances * (s->plan.context - 1)));
    memcpy(s->master + tensor->offset, kept, (size_t)count * sizeof *kept);
    free(kept);
    return loss / (double)(s->plan.instances * s->plan.context);
}

/* Along the gradient g the loss changes by |g|^2 a unit. */
static void check_gradients(const char *spec, Bit__Precision precision, double strength)
{
    struct single s;
    uint32_t tokens[64];

    if (!EXPECT_EQ(single_init(&s, spec, 2, BIT_BACKEND_REF), 0))
        return;
    draw(&s, tokens);
    EXPECT_EQ(single_publish(&s, precision, strength), 0);
    step(&s, tokens);
    float *gradient = malloc((size_t)s.plan.elements * sizeof *gradient);
    memcpy(gradient, s.model->grad, (size_t)s.plan.elements * sizeof *gradient);
    for (int t = 0; t < s.plan.tensor_count; t++) {
        const struct bit_tensor *tensor = &s.plan.tensors[t];
        double square = 0, by, slope;
        for (int64_t i = 0; i < tensor->rows * tensor->cols; i++)
            square += (double)gradient[tensor->offset + i] * gradient[tensor->offset + i];
        EXPECT(square > 0);
        by = 4e-3 / square;
        slope = (loss_at(&s, tokens, tensor, gradient, by, precision, strength) -
                 loss_at(&s, tokens, tensor, gradient, -by, precision, strength)) /
                (2 * by);
        if (!EXPECT_NEAR(slope / square, 1, 5e-3))
            fprintf(stderr, "    of %s\n", tensor->name);
    }
    free(gradient);
    single_finish(&s);
}

TEST(gradients_are_slopes)
{
    check_gradients(SPEC("operands: FP32"), BIT__PRECISION__SIXTEEN_BIT, 1);
    check_gradients(SPEC("operands: FP32 tied: false"), BIT__PRECISION__SIXTEEN_BIT, 1);
}

/* At a strength near 0 almost nothing is rounded, so straight-through gradients must equal the finite differences. */
TEST(straight_through_gradients_are_slopes_of_the_unrounded)
{
    check_gradients(SPEC("operands: FP32"), BIT__PRECISION__TERNARY, 1e-7);
}

static void expect_same_twice(Bit__Precision precision, double strength)
{
    struct single s;
    uint32_t tokens[64];

    if (!EXPECT_EQ(single_init(&s, SPEC(""), 2, BIT_BACKEND_CPU), 0))
        return;
    draw(&s, tokens);
    EXPECT_EQ(single_publish(&s, precision, strength), 0);
    double first = step(&s, tokens);
    float *gradient = malloc((size_t)s.plan.elements * sizeof *gradient);
    memcpy(gradient, s.model->grad, (size_t)s.plan.elements * sizeof *gradient);
    EXPECT_EQ(step(&s, tokens), first);
    EXPECT_MEMEQ(s.model->grad, gradient, (size_t)s.plan.elements * sizeof *gradient);
    free(gradient);
    single_finish(&s);
}

TEST(a_step_repeats_to_the_bit)
{
    expect_same_twice(BIT__PRECISION__SIXTEEN_BIT, 1);
    expect_same_twice(BIT__PRECISION__TERNARY, 1);
    expect_same_twice(BIT__PRECISION__TERNARY, 0.5);
}

static void expect_same_gradient(const char *inner_norm, Bit__Precision precision, double strength)
{
    static const char *const recompute[] = {"ALWAYS", "NEVER"};
    struct single s[2];
    uint32_t tokens[64];
    double loss[2];

    for (int i = 0; i < 2; i++) {
        char spec[512];
        snprintf(spec, sizeof spec,
                 SHAPE("") " quantizer { preset: 'continual' inner_norm: %s } launch { recompute: %s }", inner_norm,
                 recompute[i]);
        if (!EXPECT_EQ(single_init(&s[i], spec, 2, BIT_BACKEND_CPU), 0))
            return;
    }
    EXPECT(s[1].plan.memory.activations > s[0].plan.memory.activations);
    for (int i = 0; i < 2; i++) {
        draw(&s[i], tokens);
        EXPECT_EQ(single_publish(&s[i], precision, strength), 0);
        loss[i] = step(&s[i], tokens);
    }
    EXPECT_EQ(loss[1], loss[0]);
    EXPECT_MEMEQ(s[1].model->grad, s[0].model->grad, (size_t)s[0].plan.elements * sizeof(float));
    for (int i = 0; i < 2; i++)
        single_finish(&s[i]);
}

TEST(kept_operands_have_the_bits_of_those_made_again)
{
    expect_same_gradient("LAYERNORM", BIT__PRECISION__SIXTEEN_BIT, 1);
    expect_same_gradient("LAYERNORM", BIT__PRECISION__TERNARY, 1);
    expect_same_gradient("LAYERNORM", BIT__PRECISION__TERNARY, 0.5);
    expect_same_gradient("NO_NORM", BIT__PRECISION__TERNARY, 1);
}

/* With a bf16 residual stream the 16-bit phase differs, within `far`, from that with an f32 one; the ternary phase is
 * the same to the bit. */
static void compare_streams(Bit__Precision precision, double strength, double far)
{
    static const char *const residual[] = {"residual: FP32", "residual: BF16"};
    struct single s[2];
    uint32_t tokens[64];
    double loss[2], dot = 0, square[2] = {0, 0};

    for (int i = 0; i < 2; i++) {
        char spec[512];
        snprintf(spec, sizeof spec, SHAPE("%s") " quantizer { preset: 'continual' }", residual[i]);
        if (!EXPECT_EQ(single_init(&s[i], spec, 2, BIT_BACKEND_CPU), 0))
            return;
        draw(&s[i], tokens);
        EXPECT_EQ(single_publish(&s[i], precision, strength), 0);
        loss[i] = step(&s[i], tokens);
    }
    EXPECT_NEAR(loss[1], loss[0], far);
    for (int64_t e = 0; e < s[0].plan.elements; e++) {
        dot += (double)s[0].model->grad[e] * s[1].model->grad[e];
        for (int i = 0; i < 2; i++)
            square[i] += (double)s[i].model->grad[e] * s[i].model->grad[e];
    }
    EXPECT_EQ(loss[1] == loss[0], far == 0);
    EXPECT(dot / sqrt(square[0] * square[1]) > 1 - far - 1e-12);
    for (int i = 0; i < 2; i++)
        single_finish(&s[i]);
}

/* The reference's fused operators compute what the references of their parts compute. */
static void expect_fused_same(const char *launch)
{
    struct single s;
    uint32_t tokens[64];
    char spec[512];

    snprintf(spec, sizeof spec, SPEC("") " launch { %s }", launch);
    if (!EXPECT_EQ(single_init(&s, spec, 2, BIT_BACKEND_REF), 0))
        return;
    const size_t bytes = (size_t)s.plan.elements * sizeof(float);
    float *apart = malloc(bytes);

    draw(&s, tokens);
    EXPECT_EQ(single_publish(&s, BIT__PRECISION__SIXTEEN_BIT, 1), 0);
    const double loss = step(&s, tokens);
    memcpy(apart, s.model->grad, bytes);
    for (int kind = 0; kind < BIT_FUSED_KINDS; kind++) {
        EXPECT(!s.model->fused[kind]);
        s.model->fused[kind] = true;
        EXPECT_EQ(step(&s, tokens), loss);
        EXPECT_MEMEQ(s.model->grad, apart, bytes);
    }
    free(apart);
    single_finish(&s);
}

TEST(fused_products_have_the_bits_of_their_parts)
{
    expect_fused_same("recompute: NEVER");
    expect_fused_same("recompute: ALWAYS");
}

TEST(a_stream_of_bf16_is_for_16_bit_alone)
{
    compare_streams(BIT__PRECISION__SIXTEEN_BIT, 1, 5e-3);
    compare_streams(BIT__PRECISION__TERNARY, 1, 0);
    compare_streams(BIT__PRECISION__TERNARY, 0.5, 0);
}

/*
 * Only gradients propagated through matrices with one scale are rounded. So losses are equal, and so is the gradient of
 * the last block's ff_out, which has no ternary matrix above it; the other gradients have nearly the same direction.
 */
static void compare_data_gradients(const char *granularity, Bit__Precision precision, double strength, bool differs)
{
    static const char *const gradient[] = {"OPERANDS", "INT8"};
    struct single s[2];
    uint32_t tokens[64];
    double loss[2];

    for (int i = 0; i < 2; i++) {
        char spec[512];
        snprintf(spec, sizeof spec,
                 SHAPE("") " quantizer { preset: 'continual' granularity: %s data_gradient: %s }"
                           " phases { switch { at_step: 1 ramp_steps: 2 } }",
                 granularity, gradient[i]);
        if (!EXPECT_EQ(single_init(&s[i], spec, 2, BIT_BACKEND_CPU), 0))
            return;
        draw(&s[i], tokens);
        EXPECT_EQ(single_publish(&s[i], precision, strength), 0);
        loss[i] = step(&s[i], tokens);
    }
    EXPECT_EQ(loss[1], loss[0]);
    for (int t = 0; t < s[0].plan.tensor_count; t++) {
        const struct bit_tensor *tensor = &s[0].plan.tensors[t];
        const int64_t count = tensor->rows * tensor->cols;
        const float *a = s[0].model->grad + tensor->offset, *b = s[1].model->grad + tensor->offset;
        double dot = 0, square[2] = {0, 0};
        for (int64_t e = 0; e < count; e++) {
            dot += (double)a[e] * b[e];
            square[0] += (double)a[e] * a[e];
            square[1] += (double)b[e] * b[e];
        }
        if (!EXPECT(dot / sqrt(square[0] * square[1]) > 0.999))
            fprintf(stderr, "    of %s: %g\n", tensor->name, dot / sqrt(square[0] * square[1]));
        if (t == s[0].plan.linears[s[0].plan.linear_count - 1].tensor)
            EXPECT_MEMEQ(b, a, (size_t)count * sizeof *a);
        else if (t == s[0].plan.linears[0].tensor)
            EXPECT_EQ(memcmp(b, a, (size_t)count * sizeof *a) != 0, differs);
    }
    for (int i = 0; i < 2; i++)
        single_finish(&s[i]);
}

TEST(data_gradients_of_int8_point_the_same_way)
{
    compare_data_gradients("FUSED", BIT__PRECISION__TERNARY, 1, true);
    compare_data_gradients("PROJECTION", BIT__PRECISION__TERNARY, 1, true);
    compare_data_gradients("FUSED", BIT__PRECISION__TERNARY, 0.5, false);
    compare_data_gradients("FUSED", BIT__PRECISION__SIXTEEN_BIT, 1, false);
}

/* After each phase has run once, steps, evaluations and switches allocate nothing. */
TEST(the_step_allocates_nothing)
{
    struct single s;
    uint32_t tokens[64];
    double loss;
    uint64_t targets;

    if (!COUNTS_ALLOCATIONS)
        SKIP("allocations cannot be counted in this build");
    if (!EXPECT_EQ(single_init(&s, SPEC("clip_qkv: 1"), 2, BIT_BACKEND_CPU), 0))
        return;
    draw(&s, tokens);
    long before = 0;
    for (int round = 0; round < 2; round++) {
        before = allocations;
        for (int mode = 0; mode < 3; mode++) {
            bit_model_set_phase(s.model, mode == 0 ? BIT__PRECISION__SIXTEEN_BIT : BIT__PRECISION__TERNARY,
                                mode == 2 ? 0.5 : 1);
            step(&s, tokens);
            EXPECT_EQ(bit_model_evaluate(s.model, tokens, 4, &loss, &targets), 0);
        }
    }
    EXPECT_EQ(allocations - before, 0);
    single_finish(&s);
}

struct ranges {
    int64_t from; /* all elements from here on have been reported */
    int count;
};

static void note_range(void *arg, int64_t begin, int64_t end)
{
    struct ranges *r = arg;

    EXPECT_EQ(end, r->from);
    EXPECT(begin < end);
    r->from = begin;
    r->count++;
}

TEST(gradients_are_announced_once_from_the_end)
{
    struct single s;
    uint32_t tokens[64];

    if (!EXPECT_EQ(single_init(&s, SPEC("tied: false"), 1, BIT_BACKEND_CPU), 0))
        return;
    struct ranges ranges = {.from = s.plan.elements};
    draw(&s, tokens);
    EXPECT_EQ(single_publish(&s, BIT__PRECISION__SIXTEEN_BIT, 1), 0);
    s.model->grad_ready = note_range;
    s.model->grad_ready_arg = &ranges;
    EXPECT_EQ(bit_model_accumulate(s.model, tokens, 2, 1), 0);
    EXPECT_EQ(ranges.from, 0);
    EXPECT_EQ(ranges.count, 4); /* head, two blocks, embedding */
    single_finish(&s);
}

/* Weights that arrive when the model requests them. Until then they are NaN, whatever their type. */
struct coming {
    struct single *s;
    uint8_t *all; /* the weights as they were published */
    int64_t come;
    int asked;
};

static int bring_weights(void *arg, int64_t end)
{
    struct coming *c = arg;
    const int64_t each = (int64_t)bit_dtype_bytes(c->s->plan.operands), from = c->come * each;

    EXPECT(end >= c->come);
    memcpy((uint8_t *)c->s->model->weights + from, c->all + from, (size_t)(end * each - from));
    c->come = end;
    c->asked++;
    return 0;
}

static void check_weights_come(const char *more, int buckets)
{
    struct single s;
    uint32_t tokens[64];
    double whole = 0, coming = 1;

    if (!EXPECT_EQ(single_init(&s, more, 1, BIT_BACKEND_CPU), 0))
        return;
    const size_t bytes = (size_t)s.plan.elements * bit_dtype_bytes(s.plan.operands);
    struct coming c = {.s = &s, .all = malloc(bytes)};
    draw(&s, tokens);
    EXPECT_EQ(single_publish(&s, BIT__PRECISION__SIXTEEN_BIT, 1), 0);
    EXPECT_EQ(bit_model_clear(s.model), 0);
    EXPECT_EQ(bit_model_accumulate(s.model, tokens, 2, 1), 0);
    EXPECT_EQ(bit_model_read_loss(s.model, &whole), 0);
    memcpy(c.all, s.model->weights, bytes);
    memset(s.model->weights, 0xff, bytes);
    s.model->need_weights = bring_weights;
    s.model->need_weights_arg = &c;
    EXPECT_EQ(bit_model_clear(s.model), 0);
    EXPECT_EQ(bit_model_accumulate(s.model, tokens, 2, 1), 0);
    EXPECT_EQ(bit_model_read_loss(s.model, &coming), 0);
    EXPECT_EQ(coming, whole);
    EXPECT_EQ(c.come, s.plan.elements);
    EXPECT_EQ(c.asked, buckets);
    free(c.all);
    single_finish(&s);
}

TEST(weights_are_asked_for_before_they_are_read)
{
    check_weights_come(SPEC("tied: false"), 4); /* embedding, two blocks, head */
    check_weights_come(SPEC("tied: true"), 4);  /* the tied head is requested, too, although it adds no weights */
}

static int refuse_weights(void *arg, int64_t end)
{
    (void)arg;
    return end > 96 * 32 ? -EIO : 0;
}

TEST(weights_that_do_not_come_end_the_pass)
{
    struct single s;
    uint32_t tokens[64];

    if (!EXPECT_EQ(single_init(&s, SPEC("tied: false"), 1, BIT_BACKEND_CPU), 0))
        return;
    draw(&s, tokens);
    s.model->need_weights = refuse_weights;
    EXPECT_EQ(bit_model_accumulate(s.model, tokens, 2, 1), -EIO);
    single_finish(&s);
}

TEST(an_unknown_token_is_refused_with_its_place)
{
    struct single s;
    uint32_t tokens[64];

    if (!EXPECT_EQ(single_init(&s, SPEC(""), 1, BIT_BACKEND_CPU), 0))
        return;
    draw(&s, tokens);
    tokens[16 + 5] = 90;
    EXPECT_EQ(bit_model_check_tokens(&s.plan, tokens, 1), 0);
    EXPECT_EQ(bit_model_check_tokens(&s.plan, tokens, 2), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "token 90 at position 5 of instance 1");
    single_finish(&s);
}

/* An untrained model has a loss of ln V for each target. */
TEST(the_first_loss_is_that_of_guessing)
{
    struct single s;
    uint32_t tokens[64];
    double loss = 0;
    uint64_t targets = 0;

    if (!EXPECT_EQ(single_init(&s, SPEC(""), 1, BIT_BACKEND_CPU), 0))
        return;
    draw(&s, tokens);
    memset(s.master, 0, (size_t)s.plan.elements * sizeof(float));
    EXPECT_EQ(single_publish(&s, BIT__PRECISION__SIXTEEN_BIT, 1), 0);
    EXPECT_EQ(bit_model_evaluate(s.model, tokens, 3, &loss, &targets), 0);
    EXPECT_EQ(targets, 3 * 15);
    EXPECT_NEAR(loss / (double)targets, log(96), 1e-5);
    single_finish(&s);
}

TEST_MAIN
