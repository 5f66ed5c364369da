#include "daemon/launch/squeue.h"

#include "proto/err.h"
#include "tests/test.h"

static void expect_time(const char *text, uint64_t seconds)
{
    uint64_t got = 0;

    if (!EXPECT(bit_squeue_time(text, &got)) || !EXPECT_EQ(got, seconds))
        fprintf(stderr, "    '%s'\n", text);
}

TEST(reads_times_as_squeue_writes_them)
{
    static const char *const none[] = {"UNLIMITED", "NOT_SET", "INVALID", "",          "5",
                                       ":5",        "5:",      "1-",      "-1:00",     "1:2:3:4",
                                       "1-1-1",     "1 ",      "1:2x",    "1-2:3:4:5", "9999999999:00"};
    uint64_t got = 0;

    expect_time("0:00", 0);
    expect_time("3:04", 184);
    expect_time("02:03:04", 7384);
    expect_time("364-23:59:58", 364 * 86400ull + 23 * 3600 + 59 * 60 + 58);
    expect_time("1-02", 86400 + 7200);
    expect_time("1-02:03", 86400 + 7200 + 180);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        if (!EXPECT(!bit_squeue_time(none[i], &got)))
            fprintf(stderr, "    '%s'\n", none[i]);
}

TEST(reads_a_line)
{
    struct bit_squeue q;

    EXPECT_EQ(bit_squeue_parse("PENDING|Resources|2:00:00|\n", &q), 0);
    EXPECT_STREQ(q.reason, "Resources");
    EXPECT_STREQ(q.nodes, "");
    EXPECT(q.has_left);
    EXPECT_EQ(q.left_s, (uint64_t)7200);
    EXPECT(bit_squeue_waits(&q) && !bit_squeue_runs(&q));
    bit_squeue_finish(&q);
    EXPECT_EQ(bit_squeue_parse("RUNNING|None|UNLIMITED|n[1-4]\nmore|lines|are|not read", &q), 0);
    EXPECT_STREQ(q.nodes, "n[1-4]");
    EXPECT(!q.has_left);
    EXPECT(bit_squeue_runs(&q) && !bit_squeue_waits(&q));
    bit_squeue_finish(&q);
    EXPECT_EQ(bit_squeue_parse("CANCELLED|None|0:00|", &q), 0);
    EXPECT(!bit_squeue_runs(&q) && !bit_squeue_waits(&q));
    bit_squeue_finish(&q);
}

TEST(refuses_other_lines)
{
    struct bit_squeue q;

    EXPECT_EQ(bit_squeue_parse("", &q), BIT_EMESSAGE);
    EXPECT_EQ(bit_squeue_parse("RUNNING|None|1:00", &q), BIT_EMESSAGE);
    EXPECT_EQ(bit_squeue_parse("A_STATE_LONGER_THAN_ANY_OF_SLURMS|None|1:00|n1", &q), BIT_EMESSAGE);
    EXPECT_EQ(bit_squeue_parse("RUNNING|No\tne|1:00|n1", &q), BIT_EMESSAGE);
    EXPECT(q.nodes == NULL);
}

TEST_MAIN
