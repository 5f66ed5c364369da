/* How NCCL is started: the parts that need no NCCL. */
#include <stdlib.h>

#include "tests/test.h"
#include "worker/ranks/nccl_plan.h"

static void forget(void)
{
    unsetenv("NCCL_NVLS_ENABLE");
    unsetenv("NCCL_ALGO");
    unsetenv("NCCL_PROTO");
}

TEST(every_group_of_ranks_has_an_id_of_its_own)
{
    EXPECT_EQ(bit_nccl_plan_ids(1), 1);
    EXPECT_EQ(bit_nccl_plan_ids(128), 1);
    EXPECT_EQ(bit_nccl_plan_ids(129), 2);
    EXPECT_EQ(bit_nccl_plan_ids(4096), 32);
    for (int ranks = 1; ranks <= 4096; ranks++)
        EXPECT(bit_nccl_plan_root(bit_nccl_plan_ids(ranks) - 1) < ranks);
}

TEST(more_ranks_have_more_time)
{
    EXPECT(bit_nccl_plan_start_s(2) >= 60 && bit_nccl_plan_start_s(2) < 61);
    EXPECT(bit_nccl_plan_start_s(4096) > 400);
}

TEST(what_the_site_has_set_stays)
{
    forget();
    setenv("NCCL_NVLS_ENABLE", "1", 1);
    setenv("NCCL_PROTO", "LL128", 1);
    bit_nccl_plan_environment(true);
    EXPECT_STREQ(getenv("NCCL_NVLS_ENABLE"), "1");
    EXPECT_STREQ(getenv("NCCL_ALGO"), "Ring");
    EXPECT_STREQ(getenv("NCCL_PROTO"), "LL128");
    forget();
    bit_nccl_plan_environment(false);
    EXPECT_STREQ(getenv("NCCL_NVLS_ENABLE"), "0");
    EXPECT(getenv("NCCL_ALGO") == NULL && getenv("NCCL_PROTO") == NULL);
}

TEST(the_description_names_what_is_pinned)
{
    char text[96];

    forget();
    bit_nccl_plan_describe(22809, text, sizeof text);
    EXPECT_STREQ(text, "nccl 2.28.9");
    bit_nccl_plan_environment(true);
    bit_nccl_plan_describe(22809, text, sizeof text);
    EXPECT_STREQ(text, "nccl 2.28.9, algorithm Ring, protocol Simple");
    forget();
}

TEST_MAIN
