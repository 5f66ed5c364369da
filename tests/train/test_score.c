/* Log-likelihoods of requests: against the logits of whole instances, and the same bits for every packing. */
#include <math.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/test.h"
#include "tests/train/single.h"
#include "worker/model/packs.h"
#include "worker/model/score.h"

#define CONTEXT  144
#define REQUESTS 40
#define SPEC(operands, more)                                                                                           \
    "model { layers: 2 width: 64 heads: 2 mlp_hidden: 96 vocab: 200 vocab_padded: 224 context: 144 init: NORMAL"       \
    " init_std: 0.3 operands: " operands " " more " } batch { instances: 2 micro_instances: 1 }"                       \
    " quantizer { preset: 'continual' }"

struct drawn {
    uint32_t tokens[REQUESTS], continuation[REQUESTS], ids[REQUESTS * (CONTEXT + 1)];
    struct bit_requests all;
};

static uint32_t next(uint32_t *state, uint32_t below)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 16) % below;
}

/* Draws groups of up to four continuations of one context, from one token of each to the longest that fit. */
static void draw(struct drawn *d)
{
    uint32_t state = 5, *at = d->ids;

    for (int r = 0; r < REQUESTS; r++) {
        const bool again = r % 4 != 0 && r != 17;
        const uint32_t context = again ? d->tokens[r - 1] - d->continuation[r - 1] : 1 + next(&state, 100);
        const uint32_t most = CONTEXT + 1 - context;
        const uint32_t continuation = r % 5 == 0 ? 1 : r == 11 ? most : 1 + next(&state, BIT_MIN(40, most));

        for (uint32_t i = 0; i < context; i++)
            at[i] = again ? at[(int64_t)i - d->tokens[r - 1]] : next(&state, 200);
        for (uint32_t i = 0; i < continuation; i++)
            at[context + i] = next(&state, 200);
        d->tokens[r] = context + continuation;
        d->continuation[r] = continuation;
        at += d->tokens[r];
    }
    d->all = (struct bit_requests){REQUESTS, d->tokens, d->continuation, d->ids};
}

static int check(const struct bit_worker_plan *plan, const struct bit_requests *requests)
{
    int64_t ids = 0;
    int err = bit_requests_check_lengths(plan, requests, &ids);

    return err < 0 ? err : bit_requests_check_ids(plan, requests);
}

static void score(struct single *s, const struct bit_requests *requests, double *sum)
{
    struct bit_packs packs;
    float *loss;

    EXPECT_EQ(check(&s->plan, requests), 0);
    EXPECT_EQ(bit_packs_init(&packs, &s->plan, requests), 0);
    loss = calloc((size_t)packs.targets, sizeof *loss);
    for (int64_t first = 0; first < 2; first++)
        EXPECT_EQ(bit_score(s->model, &packs, first, 2, loss), 0);
    for (int64_t i = 0; i < packs.count; i++)
        bit_packs_sum(&packs, i, requests, loss, sum);
    free(loss);
    bit_packs_finish(&packs);
}

/* The expected sum, from the logits of an instance that begins with the request, one request at a time. */
static double expected(struct single *s, const uint32_t *ids, uint32_t tokens, uint32_t continuation, float *logits)
{
    uint32_t instance[CONTEXT] = {0};
    double sum = 0;

    memcpy(instance, ids, (tokens - 1) * sizeof *ids);
    EXPECT_EQ(bit_model_logits(s->model, instance, 1, logits), 0);
    for (uint32_t i = tokens - continuation; i < tokens; i++) {
        const float *row = logits + (i - 1) * s->plan.vocab_padded;
        double total = 0;

        for (int64_t v = 0; v < s->plan.vocab_padded; v++)
            total += exp((double)row[v]);
        sum += (double)row[ids[i]] - log(total);
    }
    return sum;
}

/* expected() has logits rounded to the operands' type, scoring has not. In the ternary phase a code can be rounded the
 * other way because attention adds in another order. */
static double tolerance(const struct single *s, Bit__Precision precision)
{
    if (s->plan.operands == BIT_BF16)
        return 0.5;
    return precision == BIT__PRECISION__TERNARY ? 0.05 : 2e-4;
}

static void compare(struct single *s, const struct drawn *d, Bit__Precision precision)
{
    float *logits = calloc((size_t)(CONTEXT * s->plan.vocab_padded), sizeof *logits);
    const uint32_t *at = d->ids;
    double sum[REQUESTS];

    EXPECT_EQ(single_publish(s, precision, 1), 0);
    score(s, &d->all, sum);
    for (int r = 0; r < REQUESTS; at += d->tokens[r++])
        EXPECT_NEAR(sum[r], expected(s, at, d->tokens[r], d->continuation[r], logits), tolerance(s, precision));
    free(logits);
}

static const char *const specs[] = {SPEC("FP32", ""), SPEC("BF16", ""), SPEC("FP32", "tied: false clip_qkv: 0.8")};

TEST(sums_are_those_of_the_logits)
{
    static struct drawn d;
    struct single s;

    draw(&d);
    for (size_t i = 0; i < BIT_COUNT(specs); i++) {
        if (!EXPECT_EQ(single_init(&s, specs[i], 2, BIT_BACKEND_CPU), 0))
            return;
        compare(&s, &d, BIT__PRECISION__SIXTEEN_BIT);
        compare(&s, &d, BIT__PRECISION__TERNARY);
        single_finish(&s);
    }
}

TEST(the_reference_kernels_say_the_same)
{
    static struct drawn d;
    struct single s;

    draw(&d);
    d.all.count = 6;
    if (!EXPECT_EQ(single_init(&s, specs[0], 1, BIT_BACKEND_REF), 0))
        return;
    double sum[REQUESTS], want[REQUESTS];
    EXPECT_EQ(single_publish(&s, BIT__PRECISION__SIXTEEN_BIT, 1), 0);
    score(&s, &d.all, want);
    single_finish(&s);
    if (!EXPECT_EQ(single_init(&s, specs[0], 1, BIT_BACKEND_CPU), 0))
        return;
    EXPECT_EQ(single_publish(&s, BIT__PRECISION__SIXTEEN_BIT, 1), 0);
    score(&s, &d.all, sum);
    for (int r = 0; r < d.all.count; r++)
        EXPECT_NEAR(sum[r], want[r], 1e-4);
    single_finish(&s);
}

/* One by one, as one list, with the list reversed, and with other numbers of threads. */
TEST(how_requests_are_packed_changes_no_bit)
{
    static struct drawn d;
    static uint32_t turned[REQUESTS * (CONTEXT + 1)];
    uint32_t tokens[REQUESTS], continuation[REQUESTS];
    double sum[REQUESTS], alone[REQUESTS], around[REQUESTS], threads[REQUESTS];

    draw(&d);
    for (size_t i = 0; i < 2 * BIT_COUNT(specs); i++) {
        const Bit__Precision precision = i % 2 == 0 ? BIT__PRECISION__SIXTEEN_BIT : BIT__PRECISION__TERNARY;
        struct single s;
        uint32_t *to = turned;

        if (!EXPECT_EQ(single_init(&s, specs[i / 2], 2, BIT_BACKEND_CPU), 0))
            return;
        EXPECT_EQ(single_publish(&s, precision, 1), 0);
        score(&s, &d.all, sum);
        const uint32_t *at = d.ids;
        for (int r = 0; r < REQUESTS; at += d.tokens[r++])
            score(&s, &(struct bit_requests){1, &d.tokens[r], &d.continuation[r], at}, &alone[r]);
        for (int r = REQUESTS - 1; r >= 0; r--) {
            at -= d.tokens[r];
            memcpy(to, at, d.tokens[r] * sizeof *at);
            to += d.tokens[r];
            tokens[REQUESTS - 1 - r] = d.tokens[r];
            continuation[REQUESTS - 1 - r] = d.continuation[r];
        }
        score(&s, &(struct bit_requests){REQUESTS, tokens, continuation, turned}, around);
        EXPECT_MEMEQ(sum, alone, sizeof sum);
        for (int r = 0; r < REQUESTS; r++)
            EXPECT_EQ(sum[r], around[REQUESTS - 1 - r]);
        single_finish(&s);
        if (!EXPECT_EQ(single_init(&s, specs[i / 2], 3, BIT_BACKEND_CPU), 0))
            return;
        EXPECT_EQ(single_publish(&s, precision, 1), 0);
        score(&s, &d.all, threads);
        EXPECT_MEMEQ(sum, threads, sizeof sum);
        single_finish(&s);
    }
}

TEST(a_shared_context_stands_once)
{
    static struct drawn d;
    struct bit_packs packs;
    struct single s;
    int64_t tokens = 0, targets = 0;

    draw(&d);
    if (!EXPECT_EQ(single_init(&s, specs[0], 1, BIT_BACKEND_CPU), 0))
        return;
    EXPECT_EQ(bit_packs_init(&packs, &s.plan, &d.all), 0);
    for (int r = 0; r < REQUESTS; r++) {
        tokens += d.tokens[r] - 1;
        targets += d.continuation[r];
    }
    EXPECT(packs.rows * 5 < tokens * 3);
    EXPECT_EQ(packs.targets, targets);
    EXPECT(packs.count > 2);
    for (int64_t i = 0; i < packs.count; i++) {
        EXPECT(packs.pack[i].rows <= s.plan.score_rows && packs.pack[i].targets <= s.plan.score_rows);
        EXPECT_EQ(packs.pack[i].first_request, i == 0 ? 0 : packs.pack[i - 1].end_request);
    }
    EXPECT_EQ(packs.pack[packs.count - 1].end_request, REQUESTS);
    bit_packs_finish(&packs);
    single_finish(&s);
}

/* Continuations of one token need no rows of their own, but their targets are counted, too. */
TEST(many_continuations_of_one_token_fit)
{
    static uint32_t tokens[3000], continuation[3000], ids[3000 * 3];
    static double sum[3000];
    struct single s;

    for (int r = 0; r < 3000; r++) {
        tokens[r] = 3;
        continuation[r] = 1;
        ids[3 * r] = 7;
        ids[3 * r + 1] = 8;
        ids[3 * r + 2] = (uint32_t)r % 200;
    }
    if (!EXPECT_EQ(single_init(&s, specs[0], 1, BIT_BACKEND_CPU), 0))
        return;
    EXPECT_EQ(single_publish(&s, BIT__PRECISION__SIXTEEN_BIT, 1), 0);
    score(&s, &(struct bit_requests){3000, tokens, continuation, ids}, sum);
    double total = 0;
    for (int r = 0; r < 200; r++)
        total += exp(sum[r]);
    EXPECT(total < 1 && total > 0.5); /* the rest of the probability is the padding's */
    EXPECT_MEMEQ(sum, sum + 2800, 200 * sizeof *sum);
    single_finish(&s);
}

TEST(wrong_requests_are_named)
{
    static uint32_t ids[2 * (CONTEXT + 2)];
    struct single s;
    const struct {
        uint32_t tokens, continuation, id;
        const char *says;
    } wrong[] = {
        {3, 0, 1, "request 1 of 3 tokens has 0 of continuation"},
        {3, 3, 1, "request 1 of 3 tokens has 3 of continuation"},
        {0, 0, 1, "request 1 of 0 tokens"},
        {3, UINT32_MAX, 1, "request 1 of 3 tokens has 4294967295"},
        {CONTEXT + 2, 4, 1, "request 1 of 146 tokens is longer than the model's context of 144"},
        {UINT32_MAX, 4, 1, "request 1 of 4294967295 tokens is longer"},
        {3, 1, 200, "token 200 at position 2 of request 1 is beyond the vocabulary of 200"},
    };

    if (!EXPECT_EQ(single_init(&s, specs[0], 1, BIT_BACKEND_CPU), 0))
        return;
    for (size_t i = 0; i < BIT_COUNT(wrong); i++) {
        const uint32_t tokens[2] = {2, wrong[i].tokens}, continuation[2] = {1, wrong[i].continuation};

        ids[4] = wrong[i].id;
        EXPECT_EQ(check(&s.plan, &(struct bit_requests){2, tokens, continuation, ids}), BIT_EDATA);
        EXPECT_CONTAINS(bit_fail_text(), wrong[i].says);
    }
    single_finish(&s);
}

/* Scoring overwrites activations; a step after it has the same result as without it. */
TEST(training_goes_on_as_before)
{
    static struct drawn d;
    struct single s;
    uint32_t tokens[2 * CONTEXT];
    double before = 0, after = 0, sum[REQUESTS];
    uint64_t targets;

    draw(&d);
    memcpy(tokens, d.ids, sizeof tokens);
    if (!EXPECT_EQ(single_init(&s, specs[1], 2, BIT_BACKEND_CPU), 0))
        return;
    EXPECT_EQ(single_publish(&s, BIT__PRECISION__TERNARY, 1), 0);
    EXPECT_EQ(bit_model_evaluate(s.model, tokens, 2, &before, &targets), 0);
    score(&s, &d.all, sum);
    EXPECT_EQ(bit_model_evaluate(s.model, tokens, 2, &after, &targets), 0);
    EXPECT_EQ(before, after);
    single_finish(&s);
}

TEST_MAIN
