/* Initial weights: the right spread, and the same for any division into ranges. */
#include "proto/wire/msg.h"
#include "tests/spec_of.h"
#include "tests/test.h"
#include "worker/model/init.h"

static void plan_of(struct bit_worker_plan *plan, const char *init)
{
    Bit__RunSpec *spec;
    char text[512];

    snprintf(text, sizeof text,
             "model { layers: 2 width: 128 heads: 2 mlp_hidden: 320 vocab: 500 vocab_padded: 512 context: 16 %s }"
             " batch { instances: 1 }",
             init);
    spec = test_spec_normalised(text, "/");
    EXPECT_EQ(bit_plan_init(plan, spec, 0, 1, 1, 2, 1ll << 36), 0);
    bit_msg_free(spec);
}

static float *values_of(const struct bit_worker_plan *plan)
{
    float *master = malloc((size_t)plan->elements * sizeof *master);

    bit_init_range(plan, 0, plan->elements, master);
    return master;
}

/* A normal distribution cut at three standard deviations has 0.98658 of its standard deviation left. */
static void expect_spread(const struct bit_tensor *tensor, const float *w, double std)
{
    const int64_t count = tensor->rows * tensor->cols;
    double sum = 0, squares = 0, most = 0;

    for (int64_t i = 0; i < count; i++) {
        sum += w[i];
        squares += (double)w[i] * w[i];
        most = fmax(most, fabs((double)w[i]));
    }
    EXPECT_NEAR(sum / (double)count, 0, 5 * std / sqrt((double)count));
    EXPECT_NEAR(sqrt(squares / (double)count), 0.98658 * std, 5 * std / sqrt(2.0 * (double)count));
    EXPECT(most <= 3 * std * (1 + 1e-6));
    EXPECT(most > 2.5 * std);
}

TEST(mitchell)
{
    struct bit_worker_plan plan;

    plan_of(&plan, "init: MITCHELL tied: false");
    float *w = values_of(&plan);

    for (int t = 0; t < plan.tensor_count; t++) {
        const struct bit_tensor *tensor = &plan.tensors[t];
        int layer = strstr(tensor->name, "blocks.1") != NULL ? 1 : 0;
        double std = 1 / sqrt(128.0);
        if (strstr(tensor->name, "attn_out") != NULL)
            std = 1 / sqrt(2 * 128.0 * (layer + 1));
        else if (strstr(tensor->name, "blocks") != NULL && strstr(tensor->name, "ff_out") != NULL)
            std = 1 / sqrt(2 * 320.0 * (layer + 1));
        EXPECT_NEAR(bit_init_std(&plan, t), std, 1e-12);
        expect_spread(tensor, w + tensor->offset, std);
    }
    free(w);
    bit_plan_finish(&plan);
}

TEST(normal)
{
    struct bit_worker_plan plan;

    plan_of(&plan, "init: NORMAL init_std: 0.02");
    float *w = values_of(&plan);

    for (int t = 0; t < plan.tensor_count; t++)
        expect_spread(&plan.tensors[t], w + plan.tensors[t].offset, 0.02);
    free(w);
    bit_plan_finish(&plan);
}

TEST(sharing_out_changes_nothing)
{
    struct bit_worker_plan plan;

    plan_of(&plan, "");
    float *whole = values_of(&plan), *part = malloc((size_t)plan.elements * sizeof *part);
    const int64_t cuts[] = {0, 1, 7, 65535, 65536, 65537, 100001, plan.elements};

    plan.threads = 1;
    for (size_t i = 0; i + 1 < sizeof cuts / sizeof cuts[0]; i++) {
        bit_init_range(&plan, cuts[i], cuts[i + 1], part);
        EXPECT_MEMEQ(part, whole + cuts[i], (size_t)(cuts[i + 1] - cuts[i]) * sizeof *part);
    }
    free(whole);
    free(part);
    bit_plan_finish(&plan);
}

TEST(seeds_differ)
{
    struct bit_worker_plan plan;
    float a[64], b[64];

    plan_of(&plan, "");
    bit_init_range(&plan, 0, 64, a);
    plan.init_seed++;
    bit_init_range(&plan, 0, 64, b);
    EXPECT(memcmp(a, b, sizeof a) != 0);
    bit_plan_finish(&plan);
}

/* Philox 4x32-10 of counter 0 and key 0 is 6627e8d5 e169c58d bc57ac4c 9b00dbd8 (Random123's known answers). */
TEST(the_first_value_is_philox)
{
    struct bit_worker_plan plan;
    float first;

    plan_of(&plan, "init: NORMAL init_std: 1 init_seed: 0");
    bit_init_range(&plan, 0, 1, &first);
    double radius = sqrt(-2 * log((0x6627e8d5 + 0.5) / 4294967296.0));
    EXPECT_NEAR(first, radius * cos(2 * M_PI * (0xe169c58d + 0.5) / 4294967296.0), 1e-6);
    bit_plan_finish(&plan);
}

TEST_MAIN
