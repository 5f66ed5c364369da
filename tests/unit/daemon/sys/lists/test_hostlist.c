#include "daemon/sys/lists/hostlist.h"

#include "proto/err.h"
#include "tests/test.h"

/* The hosts, separated by spaces; "!" and the error's code if it is no list. */
static const char *unfolded(const char *list)
{
    static char text[4096];
    struct bit_hosts hosts;
    int err = bit_hosts_parse(list, &hosts);
    char *at = text + sprintf(text, "%s", err < 0 ? "!" : "");

    if (err < 0)
        sprintf(at, "%d", err);
    for (size_t i = 0; i < hosts.count; i++)
        at += sprintf(at, "%s%s", i ? " " : "", hosts.name[i]);
    bit_hosts_finish(&hosts);
    return text;
}

TEST(unfolds_as_scontrol_does)
{
    EXPECT_STREQ(unfolded("n1"), "n1");
    EXPECT_STREQ(unfolded("n[1-3]"), "n1 n2 n3");
    EXPECT_STREQ(unfolded("n[1-2,7],login"), "n1 n2 n7 login");
    EXPECT_STREQ(unfolded("gpu[08-11]"), "gpu08 gpu09 gpu10 gpu11");
    EXPECT_STREQ(unfolded("r[1-2]n[1-2]"), "r1n1 r1n2 r2n1 r2n2");
    EXPECT_STREQ(unfolded("n[1-2]-ib.example.org"), "n1-ib.example.org n2-ib.example.org");
    EXPECT_STREQ(unfolded("a-b[098-101]"), "a-b098 a-b099 a-b100 a-b101");
}

TEST(refuses_what_is_no_list)
{
    static const char *const bad[] = {"",      ",",    "n[",      "n[]", "n[1", "n[1-",      "n[3-1]", "n[1,]", "n1,",
                                      "[1-2]", "n[a]", "n[1-2]]", "n 1", "-n1", "n[1-2],,m", "n[1;2]", "n\n"};
    char want[16];

    snprintf(want, sizeof want, "!%d", BIT_EMESSAGE);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (!EXPECT_STREQ(unfolded(bad[i]), want))
            fprintf(stderr, "    '%s'\n", bad[i]);
}

/* Unfolded and folded again. */
static const char *folded(const char *list)
{
    static char text[4096];
    struct bit_hosts hosts, again;

    if (!EXPECT_EQ(bit_hosts_parse(list, &hosts), 0))
        return "";
    char *fold = bit_hosts_fold(&hosts);
    if (EXPECT(fold != NULL) && EXPECT_EQ(bit_hosts_parse(fold, &again), 0)) {
        EXPECT_EQ(again.count, hosts.count);
        for (size_t i = 0; i < hosts.count && i < again.count; i++)
            EXPECT_STREQ(again.name[i], hosts.name[i]);
        bit_hosts_finish(&again);
    }
    snprintf(text, sizeof text, "%s", fold ? fold : "");
    free(fold);
    bit_hosts_finish(&hosts);
    return text;
}

TEST(folds_names_that_count_on)
{
    EXPECT_STREQ(folded("n1"), "n1");
    EXPECT_STREQ(folded("n1,n2,n3"), "n[1-3]");
    EXPECT_STREQ(folded("node-[0001-4500]"), "node-[0001-4500]");
    EXPECT_STREQ(folded("n[1-2,7],login"), "n[1-2,7],login");
    EXPECT_STREQ(folded("n8,n9,n10,n11"), "n[8-9],n[10-11]"); /* a range's numbers have the same number of digits */
    EXPECT_STREQ(folded("n08,n09,n10"), "n[08-10]");
    EXPECT_STREQ(folded("n3,n1,n2"), "n[3,1-2]"); /* in their order */
    EXPECT_STREQ(folded("n1,n1"), "n[1,1]");
    EXPECT_STREQ(folded("r[1-2]n[1-2]"), "r1n[1-2],r2n[1-2]");
    EXPECT_STREQ(folded("n[1-2]-ib"), "n1-ib,n2-ib");
    EXPECT_STREQ(folded("n12345678901,n12345678902"), "n12[345678901-345678902]");
    EXPECT_STREQ(folded("1,2"), "1,2");
}

TEST(a_long_list_is_cut_for_people)
{
    char text[12];

    bit_hosts_brief("n[1-3]", text, sizeof text);
    EXPECT_STREQ(text, "n[1-3]");
    bit_hosts_brief("abcdefghijk", text, sizeof text);
    EXPECT_STREQ(text, "abcdefghijk");
    bit_hosts_brief("abcdefghijkl", text, sizeof text);
    EXPECT_STREQ(text, "abcdefgh...");
}

TEST(stays_within_its_limits)
{
    struct bit_hosts hosts;

    EXPECT_EQ(bit_hosts_parse("n[1-16384]", &hosts), 0);
    EXPECT_EQ(hosts.count, (size_t)BIT_HOSTS_MAX);
    EXPECT(bit_hosts_have(&hosts, "n16384"));
    EXPECT(!bit_hosts_have(&hosts, "n16385"));
    bit_hosts_finish(&hosts);
    EXPECT(bit_hosts_parse("n[1-16384],m", &hosts) == BIT_ELIMIT);
    EXPECT(bit_hosts_parse("n[0-999999999]", &hosts) < 0);
    EXPECT(bit_hosts_parse("a[0-9999]b[0-9999]c[0-9999]", &hosts) == BIT_ELIMIT);
    EXPECT(bit_hosts_parse("a[1]b[1]c[1]d[1]e[1]", &hosts) == BIT_EMESSAGE);
    EXPECT_EQ(hosts.count, (size_t)0);
}

TEST_MAIN
