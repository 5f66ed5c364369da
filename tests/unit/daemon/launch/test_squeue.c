#include "daemon/launch/squeue.h"

#include "proto/check.h"
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
    EXPECT_EQ(bit_squeue_stage(&q), BIT_SQUEUE_WAITS);
    bit_squeue_finish(&q);
    EXPECT_EQ(bit_squeue_parse("RUNNING|None|UNLIMITED|n[1-4]\nmore|lines|are|not read", &q), 0);
    EXPECT_STREQ(q.nodes, "n[1-4]");
    EXPECT(!q.has_left);
    EXPECT_EQ(bit_squeue_stage(&q), BIT_SQUEUE_RUNS);
    bit_squeue_finish(&q);
}

/* Every state that squeue(1) lists, and one that it does not. */
TEST(knows_each_state)
{
    static const struct {
        const char *state;
        enum bit_squeue_stage stage;
    } rows[] = {
        {"PENDING", BIT_SQUEUE_WAITS},       {"CONFIGURING", BIT_SQUEUE_WAITS},   {"REQUEUED", BIT_SQUEUE_WAITS},
        {"REQUEUE_FED", BIT_SQUEUE_WAITS},   {"REQUEUE_HOLD", BIT_SQUEUE_WAITS},  {"SPECIAL_EXIT", BIT_SQUEUE_WAITS},
        {"RESV_DEL_HOLD", BIT_SQUEUE_WAITS}, {"COMPLETING", BIT_SQUEUE_WAITS},    {"SUSPENDED", BIT_SQUEUE_WAITS},
        {"STOPPED", BIT_SQUEUE_WAITS},       {"RUNNING", BIT_SQUEUE_RUNS},        {"RESIZING", BIT_SQUEUE_RUNS},
        {"SIGNALING", BIT_SQUEUE_RUNS},      {"BOOT_FAIL", BIT_SQUEUE_ENDED},     {"CANCELLED", BIT_SQUEUE_ENDED},
        {"COMPLETED", BIT_SQUEUE_ENDED},     {"DEADLINE", BIT_SQUEUE_ENDED},      {"FAILED", BIT_SQUEUE_ENDED},
        {"NODE_FAIL", BIT_SQUEUE_ENDED},     {"OUT_OF_MEMORY", BIT_SQUEUE_ENDED}, {"PREEMPTED", BIT_SQUEUE_ENDED},
        {"REVOKED", BIT_SQUEUE_ENDED},       {"STAGE_OUT", BIT_SQUEUE_ENDED},     {"TIMEOUT", BIT_SQUEUE_ENDED},
        {"A_NEW_ONE", BIT_SQUEUE_UNKNOWN},   {"RUN", BIT_SQUEUE_UNKNOWN},         {"", BIT_SQUEUE_UNKNOWN},
    };
    struct bit_squeue q;
    char line[64];

    for (size_t i = 0; i < BIT_COUNT(rows); i++) {
        snprintf(line, sizeof line, "%s|None|1:00|n1", rows[i].state);
        EXPECT_EQ(bit_squeue_parse(line, &q), 0);
        if (!EXPECT_EQ(bit_squeue_stage(&q), rows[i].stage))
            printf("    %s\n", rows[i].state);
        bit_squeue_finish(&q);
    }
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
