#include "daemon/launch/places.h"

#include <errno.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/spec/spec_slurm.h"
#include "tests/test.h"

static Bit__SlurmSpec slurm;
static Bit__LaunchSpec launch;
static Bit__BatchSpec batch;
static Bit__RunSpec spec;

static void want(uint32_t ranks, uint32_t min_ranks, const char *gres, uint32_t instances, uint32_t micro)
{
    slurm = (Bit__SlurmSpec)BIT__SLURM_SPEC__INIT;
    launch = (Bit__LaunchSpec)BIT__LAUNCH_SPEC__INIT;
    batch = (Bit__BatchSpec)BIT__BATCH_SPEC__INIT;
    spec = (Bit__RunSpec)BIT__RUN_SPEC__INIT;
    slurm.gres = bit_lend(gres);
    slurm.min_ranks = min_ranks;
    launch.ranks = ranks;
    launch.slurm = &slurm;
    batch.instances = instances;
    batch.micro_instances = micro;
    spec.launch = &launch;
    spec.batch = &batch;
}

/* "RANKS on NODES, N each", N at most; or the error. */
static const char *placed(const char *all, const char *lost)
{
    static char text[512];
    struct bit_hosts nodes = {0}, without = {0};
    struct bit_places p;

    EXPECT_EQ(bit_hosts_parse(all, &nodes), 0);
    EXPECT(lost[0] == '\0' || bit_hosts_parse(lost, &without) == 0);
    int err = bit_places_choose(&nodes, &without, &spec, &p);
    if (err < 0)
        snprintf(text, sizeof text, "%s", err == -EAGAIN ? bit_fail_text() : "another error");
    else
        snprintf(text, sizeof text, "%u on %s, %u each", p.ranks, p.list, p.per_node);
    bit_places_finish(&p);
    bit_hosts_finish(&nodes);
    bit_hosts_finish(&without);
    return text;
}

TEST(counts_the_gpus_of_a_gres)
{
    EXPECT_EQ(bit_gres_gpus("gpu:8"), 8u);
    EXPECT_EQ(bit_gres_gpus("gpu:h100:4"), 4u);
    EXPECT_EQ(bit_gres_gpus("gpu"), 1u);
    EXPECT_EQ(bit_gres_gpus("gpu:h100"), 1u);
    EXPECT_EQ(bit_gres_gpus("nic:2,gpu:a:2,gpu:b:3"), 5u);
    EXPECT_EQ(bit_gres_gpus("gpus:8,mps:100"), 0u);
    EXPECT_EQ(bit_gres_gpus(NULL), 0u);
}

TEST(a_spare_node_takes_the_place_of_a_lost_one)
{
    want(16, 16, "gpu:8", 2048, 0);
    EXPECT_STREQ(placed("n[1-3]", ""), "16 on n[1-2], 8 each");
    EXPECT_STREQ(placed("n[1-3]", "n2"), "16 on n[1,3], 8 each");
    EXPECT_STREQ(placed("n[1-3]", "n1"), "16 on n[2-3], 8 each");
}

TEST(without_gpus_the_survivors_hold_all_ranks)
{
    want(4, 4, NULL, 8, 2);
    EXPECT_STREQ(placed("n[1-4]", ""), "4 on n[1-4], 1 each");
    EXPECT_STREQ(placed("n[1-4]", "n3"), "4 on n[1-2,4], 2 each");
    EXPECT_STREQ(placed("n[1-4]", "n[2-4]"), "4 on n1, 4 each");
}

TEST(fewer_ranks_divide_the_batch_and_its_micro_batches)
{
    want(32, 1, "gpu:8", 2048, 0);
    EXPECT_STREQ(placed("n[1-4]", "n4"), "16 on n[1-2], 8 each");
    want(24, 1, "gpu:8", 96, 0);
    EXPECT_STREQ(placed("n[1-3]", "n2"), "16 on n[1,3], 8 each");
    want(24, 1, "gpu:8", 96, 4); /* 96 / 16 = 6 is no multiple of 4; 96 / 12 = 8 is */
    EXPECT_STREQ(placed("n[1-3]", "n2"), "12 on n[1,3], 6 each");
}

TEST(fewer_ranks_are_whole_groups)
{
    want(32, 1, "gpu:8", 2048, 0);
    launch.shard_ranks = 32;
    EXPECT_CONTAINS(placed("n[1-4]", "n4"), "min_ranks");
    want(24, 1, "gpu:8", 96, 0); /* without groups it would be 16 */
    launch.shard_ranks = 6;
    EXPECT_STREQ(placed("n[1-3]", "n2"), "12 on n[1,3], 6 each");
}

TEST(too_few_nodes_are_said_with_what_would_help)
{
    want(16, 16, "gpu:8", 2048, 0);
    const char *text = placed("n[1-2]", "n2");
    EXPECT_CONTAINS(text, "16 ranks need 2 nodes, 8 on each");
    EXPECT_CONTAINS(text, "of 2 nodes 1 are lost (n2)");
    EXPECT_CONTAINS(text, "min_ranks");
    want(16, 9, "gpu:8", 2048, 0);
    EXPECT_CONTAINS(placed("n[1-2]", "n1"), "min_ranks");
    want(2, 1, NULL, 8, 2);
    EXPECT_CONTAINS(placed("n[1-2]", "n[1-2]"), "2 are lost (n1, n2)");
}

TEST_MAIN
