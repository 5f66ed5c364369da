#include "proto/data/mixture.h"

#include "tests/test.h"

static uint64_t gave(const struct bit_mixture *m, size_t i)
{
    return m->part[i].before + m->part[i].count;
}

/* Every batch is full, and every source is always less than two instances away from its share. */
static void check(const double *weights, size_t sources, uint32_t batch, uint64_t steps)
{
    struct bit_mixture m;
    double sum = 0;

    for (size_t i = 0; i < sources; i++)
        sum += weights[i];
    bit_mixture_init(&m, weights, sources, batch);
    for (uint64_t step = 1; step <= steps; step++) {
        uint64_t before[BIT_SOURCES_MAX] = {0}, count = 0;
        for (size_t i = 0; i < sources; i++)
            before[i] = gave(&m, i);
        bit_mixture_go(&m, step);
        for (size_t i = 0; i < sources; i++) {
            count += m.part[i].count;
            EXPECT_EQ(m.part[i].before, before[i]);
            double share = (double)step * batch * weights[i] / sum;
            EXPECT((double)gave(&m, i) < share + 2 && (double)gave(&m, i) > share - 2);
        }
        EXPECT_EQ(count, batch);
    }
}

TEST(shares_are_kept_in_full_batches)
{
    check((double[]){1}, 1, 8, 100);
    check((double[]){1, 1}, 2, 1, 1000);
    check((double[]){0.7, 0.2, 0.1}, 3, 2048, 1000);
    check((double[]){3, 3, 3}, 3, 2, 1000);
    check((double[]){1e6, 1e-6}, 2, 7, 1000);
    check((double[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 10, 3, 5000);
    double many[BIT_SOURCES_MAX];
    for (int i = 0; i < BIT_SOURCES_MAX; i++)
        many[i] = 1 + i % 7;
    check(many, BIT_SOURCES_MAX, 4, 3000);
}

/* 0.7 x 10 = 7, 0.2 x 10 = 2, 0.1 x 10 = 1: only the weights' rounding errors could carry over. */
TEST(whole_shares_are_the_same_in_every_step)
{
    struct bit_mixture m;

    bit_mixture_init(&m, (double[]){7, 2, 1}, 3, 10);
    for (uint64_t step = 1; step <= 50; step++) {
        bit_mixture_go(&m, step);
        EXPECT_EQ(m.part[0].count, 7);
        EXPECT_EQ(m.part[1].count, 2);
        EXPECT_EQ(m.part[2].count, 1);
    }
}

TEST(a_step_does_not_depend_on_the_way_to_it)
{
    struct bit_mixture a, b;
    const double weights[] = {0.5, 0.3, 0.2};

    bit_mixture_init(&a, weights, 3, 7);
    bit_mixture_init(&b, weights, 3, 7);
    bit_mixture_go(&a, 900);
    for (uint64_t step = 1; step <= 1000; step++)
        bit_mixture_go(&b, step);
    bit_mixture_go(&b, 900);
    for (size_t i = 0; i < 3; i++) {
        EXPECT_EQ(a.part[i].count, b.part[i].count);
        EXPECT_EQ(a.part[i].before, b.part[i].before);
    }
}

TEST_MAIN
