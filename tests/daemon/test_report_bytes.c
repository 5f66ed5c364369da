/*
 * The longest message that bitd accepts from a worker, over a Unix socket and over TCP, where the seal refuses a longer
 * one before it is parsed. A message of one byte more than limits.h allows ends the launch with a cause; the worker
 * does not send it again and again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "tests/daemon/fixture.h"

static struct fix f;

static bool begin(bool tcp, unsigned bytes, char run[32])
{
    static const char *const over_tcp[] = {"--set", "listen=127.0.0.1:0", "--set", "link=tcp"};
    char text[16];

    fix_init(&f);
    if (tcp)
        memcpy(f.args, over_tcp, sizeof over_tcp);
    snprintf(text, sizeof text, "%u", bytes);
    setenv("FAKE_REPORT_BYTES", text, 1);
    if (!fix_start(&f))
        return false;
    fix_submit(&f, "launch.max_restarts=0\ncheckpoint.every=0", run);
    return true;
}

static void expect_taken(bool tcp)
{
    char run[32];

    if (!begin(tcp, BIT_REPORT_BODY_MAX, run))
        return;
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    fix_finish(&f);
}

static void expect_refused(bool tcp, const char *why)
{
    struct fix_events e;
    char run[32];

    if (!begin(tcp, BIT_REPORT_BODY_MAX + 1, run))
        return;
    EXPECT(fix_wait_end(&f, run, NULL) != 0);
    fix_events(&f, run, &e);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_LAUNCHED), 1u);
    const Bit__JournalRecord *lost = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_LOST);
    if (EXPECT(lost != NULL)) {
        EXPECT_CONTAINS(lost->lost->cause, "the worker sent an invalid message");
        EXPECT_CONTAINS(lost->lost->cause, why);
    }
    fix_events_free(&e);
    fix_finish(&f);
}

TEST(the_longest_report_is_taken)
{
    expect_taken(false);
    expect_taken(true);
}

TEST(a_byte_more_ends_the_launch_on_a_unix_socket)
{
    expect_refused(false, "32769 bytes");
}

TEST(a_byte_more_ends_the_launch_over_tcp)
{
    expect_refused(true, "a record of");
}

TEST_MAIN
