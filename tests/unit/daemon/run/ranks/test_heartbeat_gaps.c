#include <string.h>

#include "daemon/run/ranks/heartbeat_gaps.h"
#include "tests/test.h"

TEST(a_gap_is_between_two_heartbeats)
{
    char text[BIT_HEARTBEAT_GAPS_TEXT_MAX];
    struct bit_heartbeat_gaps g = {0};

    bit_heartbeat_gaps_note(&g, 7000);
    EXPECT_EQ(g.count, 0u);
    bit_heartbeat_gaps_note(&g, 7100);
    bit_heartbeat_gaps_note(&g, 7201);
    bit_heartbeat_gaps_note(&g, 12202);
    bit_heartbeat_gaps_print(&g, text);
    EXPECT_STREQ(text,
                 "<=100:1,<=200:1,<=300:0,<=400:0,<=500:0,<=600:0,<=800:0,<=1000:0,<=1500:0,<=2500:0,<=5000:0,>5000:1");
    EXPECT_EQ(g.max_ms, 5001u);
    EXPECT_EQ(g.count, 3u);
}

TEST(a_lost_link_is_no_gap)
{
    struct bit_heartbeat_gaps g = {0};

    bit_heartbeat_gaps_note(&g, 7000);
    bit_heartbeat_gaps_forget(&g);
    bit_heartbeat_gaps_note(&g, 90000);
    bit_heartbeat_gaps_note(&g, 90400);
    EXPECT_EQ(g.count, 1u);
    EXPECT_EQ(g.max_ms, 400u);
}

TEST(the_longest_text_fits)
{
    char text[BIT_HEARTBEAT_GAPS_TEXT_MAX];
    struct bit_heartbeat_gaps g;

    memset(&g, 0xff, sizeof g);
    bit_heartbeat_gaps_print(&g, text);
    EXPECT(strlen(text) < BIT_HEARTBEAT_GAPS_TEXT_MAX - 1);
    EXPECT(strstr(text, ">5000:4294967295") != NULL);
}

TEST_MAIN
