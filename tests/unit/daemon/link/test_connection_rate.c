#include "daemon/link/connection_rate.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "tests/test.h"

static struct bit_connection_rate rate;
static unsigned expected; /* ranks that launches wait for */

static const struct sockaddr *v4(uint32_t host)
{
    static struct sockaddr_in a;

    a = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};
    return (const struct sockaddr *)&a;
}

static const struct sockaddr *v6(const char *text)
{
    static struct sockaddr_in6 a;

    a = (struct sockaddr_in6){.sin6_family = AF_INET6};
    EXPECT_EQ(inet_pton(AF_INET6, text, &a.sin6_addr), 1);
    return (const struct sockaddr *)&a;
}

/* How many of `times` connections are accepted. */
static int knock(const struct sockaddr *from, int times, uint64_t now_ms)
{
    int taken = 0;

    for (int i = 0; i < times; i++)
        taken += bit_connection_rate_take(&rate, from, expected, now_ms);
    return taken;
}

TEST(who_connects_without_end_keeps_no_other_out)
{
    rate = (struct bit_connection_rate){0};
    EXPECT_EQ(knock(v4(0x0a000001), 100000, 1000), BIT_CONNECTION_RATE_BURST);
    EXPECT_EQ(knock(v4(0x0a000002), 8, 1000), 8);
    EXPECT_EQ(knock(v4(0x0a000001), 100000, 2000), BIT_CONNECTION_RATE_PER_S);
}

TEST(a_node_is_always_taken)
{
    rate = (struct bit_connection_rate){0};
    bit_connection_rate_trust(&rate, v4(0x0a000001), 1000);
    EXPECT_EQ(knock(v4(0x0a000001), 5000, 1000), 5000);
    for (uint32_t i = 0; i < 4 * BIT_CONNECTION_RATE_SOURCES; i++) /* many other sources */
        knock(v4(0x0b000000 + i), 1, 2000 + i);
    EXPECT_EQ(knock(v4(0x0a000001), 5000, 9000), 5000);
}

TEST(addresses_of_one_machine_are_one_source)
{
    rate = (struct bit_connection_rate){0};
    EXPECT_EQ(knock(v6("2001:db8::1"), 1000, 1000), BIT_CONNECTION_RATE_BURST);
    EXPECT_EQ(knock(v6("2001:db8::2"), 1000, 1000), 0);
    EXPECT_EQ(knock(v6("2001:db8:0:1::1"), 1, 1000), 1);
    EXPECT_EQ(knock(v4(0x0a000001), 1000, 1000), BIT_CONNECTION_RATE_BURST);
    EXPECT_EQ(knock(v6("::ffff:10.0.0.1"), 1, 1000), 0);
    EXPECT_EQ(knock(v6("::ffff:10.0.0.2"), 1, 1000), 1);
}

TEST(ranks_that_are_expected_come_all_at_once)
{
    rate = (struct bit_connection_rate){0};
    expected = 4096;
    EXPECT_EQ(knock(v4(0x0a000001), 4096, 1000), 4096);
    EXPECT_EQ(knock(v4(0x0a000001), 1000, 1000), BIT_CONNECTION_RATE_BURST);
    expected = 0; /* they have connected, or their launch is over: the tokens taken for them return at the usual rate */
    EXPECT_EQ(knock(v4(0x0a000001), 1, 2000), 0);
    EXPECT_EQ(knock(v4(0x0a000001), 1, 1000 + 4097 * 1000 / BIT_CONNECTION_RATE_PER_S), 1);
}

TEST_MAIN
