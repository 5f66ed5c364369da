/* Addresses as people write them. */
#include "proto/wire/address.h"

#include "proto/err.h"
#include "tests/test.h"

TEST(addresses_have_hosts_ports_and_ranges)
{
    static const struct {
        const char *text, *host;
        unsigned first, last;
    } good[] = {
        {"4100", "", 4100, 4100},
        {":4100", "", 4100, 4100},
        {"*:4100-4199", "", 4100, 4199},
        {"0", "", 0, 0},
        {"10.0.0.7:4100", "10.0.0.7", 4100, 4100},
        {"login1.cluster:65535", "login1.cluster", 65535, 65535},
        {"ib0:4100-4100", "ib0", 4100, 4100},
        {"[::1]:4100", "::1", 4100, 4100},
        {"[fe80::1%eth0]:1-2", "fe80::1%eth0", 1, 2},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct bit_address a;
        if (!EXPECT_EQ(bit_address_parse(good[i].text, &a), 0))
            continue;
        EXPECT_STREQ(a.host, good[i].host);
        EXPECT_EQ(a.first, good[i].first);
        EXPECT_EQ(a.last, good[i].last);
    }
}

TEST(what_is_no_address_is_refused_with_its_reason)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "port is a number"},
        {"host", "port is a number"},
        {"host:", "port is a number"},
        {"host:65536", "0 to 65535"},
        {"host:-1", "port is a number"},
        {"host:41x", "a port, or a range"},
        {"host:4100-", "port is a number"},
        {"host:2-1", "no range"},
        {"host:0-5", "no range"},
        {"::1:4100", "brackets"},
        {"[[]:0", "bracket in its name"},
        {"a]b:1", "bracket in its name"},
        {"[::1]", "brackets"},
        {"[::1:4100", "brackets"},
        {"[::1]4100", "brackets"},
        {"99999999999999999999", "0 to 65535"},
    };
    struct bit_address a = {.first = 1};
    char longest[BIT_HOST_MAX + 10];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT_EQ(bit_address_parse(bad[i].text, &a), BIT_EUSAGE);
        EXPECT_CONTAINS(bit_fail_text(), bad[i].why);
    }
    memset(longest, 'h', sizeof longest);
    memcpy(longest + BIT_HOST_MAX, ":1", 3);
    EXPECT_EQ(bit_address_parse(longest, &a), BIT_EUSAGE);
    EXPECT_EQ(bit_address_parse(longest + 1, &a), 0);
}

TEST(an_address_is_printed_as_it_is_read)
{
    char text[BIT_ADDRESS_MAX];

    bit_address_print("::1", 4100, text);
    EXPECT_STREQ(text, "[::1]:4100");
    bit_address_print("node7", 1, text);
    EXPECT_STREQ(text, "node7:1");
    EXPECT(bit_address_is_path("/run/link.sock") && !bit_address_is_path("[::1]:4100"));
}

TEST_MAIN
