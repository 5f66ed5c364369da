/*
 * The model of communication between GPUs: edge cases, and that efficiency falls where it must. Prints the table of
 * worker/README.md: OLMo-1B, 2048 instances a step, 8 GPUs a node.
 */
#include <math.h>
#include <stdio.h>

#include "proto/dryrun/scaling.h"
#include "tests/test.h"

#define INSTANCES 2048
#define CONTEXT   2048

static struct bit_scaling_load olmo(uint32_t ranks, bool ternary)
{
    const uint32_t share = INSTANCES / ranks;

    return (struct bit_scaling_load){.ranks = ranks,
                                     .ranks_per_node = 8,
                                     .parameters = 1176764416,
                                     .linear_parameters = 1073741824,
                                     .layers = 16,
                                     .layer_scales = 4,
                                     .rest_buckets = 1,
                                     .rank_tokens = (uint64_t)share * CONTEXT,
                                     .micro_batches = share > 8 ? share / 8 : 1,
                                     .flop_per_token = 7.463e9,
                                     .ternary = ternary,
                                     .medians = ternary};
}

static double in_groups(uint32_t ranks, uint32_t shard_ranks, bool ternary, enum bit_scaling_way way, int k)
{
    struct bit_scaling_load load = olmo(ranks, ternary);
    struct bit_scaling s;

    load.shard_ranks = shard_ranks;
    bit_scaling_model(&load, way, &s);
    return s.efficiency[k];
}

static double efficiency(uint32_t ranks, bool ternary, enum bit_scaling_way way, int k)
{
    return in_groups(ranks, 0, ternary, way, k);
}

TEST(one_gpu_says_nothing)
{
    const struct bit_scaling_load load = olmo(1, true);
    struct bit_scaling s;

    bit_scaling_model(&load, BIT_SCALING_SHARED, &s);
    EXPECT_EQ(s.count, 0u);
    EXPECT(s.efficiency[0] == 1 && s.efficiency[1] == 1);
    EXPECT(fabs(s.compute_ms - 1e3 * INSTANCES * CONTEXT * 7.463e9 / 640e12) < 1e-6);
}

/* Two GPUs of a node, 16-bit: half of every vector crosses at 327 GB/s, and one hop is 1.9 us. */
TEST(two_gpus_by_hand)
{
    const struct bit_scaling_load load = olmo(2, false);
    struct bit_scaling s;

    bit_scaling_model(&load, BIT_SCALING_SHARED, &s);
    EXPECT_EQ(s.count, 3u);
    EXPECT_STREQ(s.cost[0].name, "gradients");
    EXPECT_EQ(s.cost[0].calls, 17u);
    EXPECT_EQ(s.cost[0].bytes, 4u * 1176764416ull);
    EXPECT(fabs(s.cost[0].ms[0] - (1e3 * 2 * 1176764416.0 / 327e9 + 17 * 1.9e-3)) < 1e-6);
    EXPECT_STREQ(s.cost[1].name, "weights");
    EXPECT_EQ(s.cost[1].calls, 17u);
    EXPECT(fabs(s.cost[1].ms[0] - (1e3 * 1176764416.0 / 327e9 + 17 * 1.9e-3)) < 1e-6);
    /* Both are hidden behind the computation of layers, except the embedding's part and one layer's. */
    const double rest = 1e3 * 4 * 103022592.0 / 2 / 327e9 + 1.9e-3, layer = 1e3 * 4 * 67108864.0 / 2 / 327e9 + 1.9e-3;
    EXPECT(fabs(s.cost[0].exposed_ms[0] - (rest + layer)) < 1e-6);
    EXPECT(fabs(s.cost[1].exposed_ms[0] - (rest + layer + 1.9e-3 * 2) / 2) < 1e-6);
}

/* The embedding's 6288 blocks divide by 16 and not by 32: from then on the rest is a gap, reduced and gathered by itself. */
TEST(a_gap_has_its_own_collectives)
{
    static const uint32_t ranks[] = {16, 32};

    for (unsigned gap = 0; gap < 2; gap++)
        for (int ternary = 0; ternary < 2; ternary++) {
            const struct bit_scaling_load load = olmo(ranks[gap], ternary);
            struct bit_scaling s;
            bit_scaling_model(&load, BIT_SCALING_SHARED, &s);
            EXPECT_EQ(s.cost[0].calls, 17u + gap);
            EXPECT_EQ(s.cost[1].calls, 17u + (ternary ? 2 * gap : gap)); /* codes, and the embedding */
            EXPECT_EQ(s.cost[2].calls, 1u);
        }
    /* A model of fewer blocks than ranks is one gap, and nothing of it overlaps. */
    struct bit_scaling_load small = olmo(64, false);
    struct bit_scaling s;
    small.parameters = 63 * 16384;
    small.linear_parameters = 32 * 16384;
    bit_scaling_model(&small, BIT_SCALING_SHARED, &s);
    for (size_t i = 0; i < s.count; i++) {
        EXPECT_EQ(s.cost[i].calls, 1u);
        EXPECT(s.cost[i].ms[0] > 0 && s.cost[i].exposed_ms[0] == s.cost[i].ms[0]);
    }
}

TEST(medians_take_three_sums_and_means_one)
{
    struct bit_scaling_load load = olmo(8, true);
    struct bit_scaling s;

    bit_scaling_model(&load, BIT_SCALING_SHARED, &s);
    EXPECT_STREQ(s.cost[3].name, "medians");
    EXPECT_EQ(s.cost[3].calls, 3u);
    EXPECT_EQ(s.cost[3].bytes, 2ull * 64 * 65536 * 4 + 64 * 4);
    load.medians = false;
    bit_scaling_model(&load, BIT_SCALING_SHARED, &s);
    EXPECT_STREQ(s.cost[3].name, "means");
    EXPECT_EQ(s.cost[3].calls, 1u);
    EXPECT(s.cost[3].ms[1] > s.cost[3].ms[0] && s.cost[3].ms[0] > 0);
}

/* Every rank has a copy of everything: nothing is gathered. */
TEST(groups_of_one_gather_nothing)
{
    struct bit_scaling_load load = olmo(8, true);
    struct bit_scaling s;

    load.shard_ranks = 1;
    bit_scaling_model(&load, BIT_SCALING_SHARED, &s);
    EXPECT_EQ(s.count, 1u);
    EXPECT_EQ(s.cost[0].calls, 17u);
    EXPECT(s.cost[0].ms[0] > 0);
}

TEST(more_gpus_are_never_better_and_roots_never_better_than_parts)
{
    for (int ternary = 0; ternary < 2; ternary++)
        for (int k = 0; k < 2; k++)
            for (uint32_t n = 2; n <= 1024; n *= 2) {
                EXPECT(efficiency(n, ternary, BIT_SCALING_SHARED, k) <=
                       efficiency(n / 2, ternary, BIT_SCALING_SHARED, k));
                EXPECT(efficiency(n, ternary, BIT_SCALING_ROOTED, k) <=
                       efficiency(n, ternary, BIT_SCALING_SHARED, k) + 1e-9);
            }
}

TEST(groups_of_all_are_none_and_small_ones_help_where_ranks_are_many)
{
    for (int ternary = 0; ternary < 2; ternary++)
        for (int k = 0; k < 2; k++) {
            EXPECT(in_groups(64, 64, ternary, BIT_SCALING_SHARED, k) == efficiency(64, ternary, BIT_SCALING_SHARED, k));
            EXPECT(in_groups(512, 64, ternary, BIT_SCALING_SHARED, k) >
                   efficiency(512, ternary, BIT_SCALING_SHARED, k));
            EXPECT(in_groups(512, 64, ternary, BIT_SCALING_ROOTED, k) ==
                   efficiency(512, ternary, BIT_SCALING_ROOTED, k));
        }
}

/* Two groups of two in a node: each adds within itself, then half a vector across; weights stay in the group. */
TEST(two_groups_by_hand)
{
    struct bit_scaling_load load = olmo(4, false);
    struct bit_scaling s;
    const double bytes = 1176764416.0;

    load.shard_ranks = 2;
    bit_scaling_model(&load, BIT_SCALING_SHARED, &s);
    EXPECT_EQ(s.cost[0].calls, 34u);
    EXPECT(fabs(s.cost[0].ms[0] - (1e3 * 4 * bytes / 2 / 327e9 + 17 * 1.9e-3 /* within */
                                   + 1e3 * 4 * bytes / 2 / 327e9 + 17 * 2 * 1.25e-3)) < 1e-6);
    EXPECT(fabs(s.cost[1].ms[0] - (1e3 * bytes / 327e9 + 17 * 1.9e-3)) < 1e-6);
}

static void print_row(const char *name, bool ternary, enum bit_scaling_way way, uint32_t groups)
{
    printf("| %s |", name);
    for (uint32_t n = 8; n <= 512; n = n == 8 ? 64 : 2 * n)
        printf(" %.3f to %.3f |", in_groups(n, groups < n ? groups : 0, ternary, way, 1),
               in_groups(n, groups < n ? groups : 0, ternary, way, 0));
    printf("\n");
}

TEST(the_table)
{
    printf("| GPUs | 8 | 64 | 128 | 256 | 512 |\n|---|---|---|---|---|---|\n");
    print_row("16-bit, a root for each owner", false, BIT_SCALING_ROOTED, 0);
    print_row("16-bit, equal parts", false, BIT_SCALING_SHARED, 0);
    print_row("16-bit, in groups of 64", false, BIT_SCALING_SHARED, 64);
    print_row("1.58-bit, a root for each owner", true, BIT_SCALING_ROOTED, 0);
    print_row("1.58-bit, equal parts", true, BIT_SCALING_SHARED, 0);
    print_row("1.58-bit, in groups of 64", true, BIT_SCALING_SHARED, 64);
}

TEST_MAIN
