#include "proto/log.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/test.h"

BIT_LOG_TOPIC("launch");

static char captured[8192];
static int errno_after; /* after the captured body */
static int writes;      /* by the captured body */

/* Runs `body` with stderr in a datagram socket, which separates writes; returns all that it wrote. */
static const char *capture(void (*body)(void))
{
    int ends[2], saved = dup(STDERR_FILENO);
    ssize_t got;

    if (saved < 0 || socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) < 0)
        abort();
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    errno = EXDEV;
    body();
    errno_after = errno;
    dup2(saved, STDERR_FILENO);
    close(saved);
    size_t at = 0;
    writes = 0;
    while ((got = recv(ends[0], captured + at, sizeof captured - 1 - at, MSG_DONTWAIT)) > 0) {
        at += (size_t)got;
        writes++;
    }
    captured[at] = '\0';
    close(ends[0]);
    return captured;
}

static void say_spawned(void)
{
    bit_info("spawned", "run=%s rank=%d pid=%d", "r7", 0, 4242);
}

static void say_all_levels(void)
{
    bit_error("a", "%s", "");
    bit_warn("b", "%s", "");
    bit_info("c", "%s", "");
    bit_debug("d", "%s", "");
}

static void say_control_characters(void)
{
    bit_info("odd", "text=%s", "line\nnext\ttab\rback \033[2Jclear \x7f grüße");
}

static void say_hostile(void)
{
    bit_info("odd", "path=%s",
             "\xc2\x9b"
             "2J\xe2\x80\xae"
             "cod\xff\xe2\x80");
}

static void say_much(void)
{
    static char big[9000];

    memset(big, 'x', sizeof big - 1);
    bit_info("big", "text=%s", big);
    memset(big, '\n', sizeof big - 1);
    bit_info("newlines", "text=%s", big);
}

static void init_and_say(void)
{
    char stream[64];
    struct stat st;

    fstat(STDERR_FILENO, &st);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    bit_log_init(BIT_LOG_DEBUG);
    say_all_levels();
}

TEST(a_line_has_time_level_topic_event_and_pairs)
{
    const char *line = capture(say_spawned);
    int year, month, day, hour, minute, second, ms, used = 0;

    EXPECT_EQ(sscanf(line, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &year, &month, &day, &hour, &minute, &second, &ms, &used),
              7);
    EXPECT_EQ(used, 24);
    EXPECT_STREQ(line + used, " info launch: spawned run=r7 rank=0 pid=4242\n");
}

TEST(levels_above_are_dropped)
{
    bit_log_init(BIT_LOG_WARN);
    capture(say_all_levels);
    EXPECT_CONTAINS(captured, " error launch: a\n");
    EXPECT_CONTAINS(captured, " warn launch: b\n");
    EXPECT_EQ(writes, 2);
    EXPECT(strstr(captured, "launch: c") == NULL);
    EXPECT(strstr(captured, "launch: d") == NULL);
    bit_log_init(BIT_LOG_INFO);
    EXPECT_EQ(bit_log_level_parse("debug"), BIT_LOG_DEBUG);
    EXPECT_EQ(bit_log_level_parse("error"), BIT_LOG_ERROR);
    EXPECT_EQ(bit_log_level_parse("loud"), -EINVAL);
}

TEST(a_line_stays_one_line)
{
    capture(say_control_characters);
    EXPECT_CONTAINS(captured, "text=\"line\\nnext\\ttab\\rback \\x1b[2Jclear \\x7f grüße\"\n");
    EXPECT(strchr(captured, '\n') == captured + strlen(captured) - 1);
}

TEST(a_line_shows_what_would_act_on_a_terminal)
{
    capture(say_hostile);
    EXPECT_CONTAINS(captured, "path=\"\\u009b2J\\u202ecod\\xff\\xe2\\x80\"\n");
}

TEST(a_long_line_is_cut_and_ended)
{
    const char *second;

    capture(say_much);
    second = strchr(captured, '\n');
    if (!EXPECT(second != NULL))
        return;
    EXPECT(second - captured >= 4080 && second - captured < 4096);
    EXPECT(strchr(second + 1, '\n') == captured + strlen(captured) - 1);
}

TEST(the_context_is_on_every_line)
{
    bit_log_context("job=9");
    EXPECT_CONTAINS(capture(say_spawned), "spawned job=9 run=r7");
    EXPECT_CONTAINS(capture(say_all_levels), "launch: c job=9");
    bit_log_context("%s", "");
    EXPECT_CONTAINS(capture(say_spawned), "spawned run=r7");
}

static void say_forged(void)
{
    bit_warn("client dropped", "text=%s uid=%u", "no such file uid=0", 1000u);
}

TEST(a_text_forges_no_pair)
{
    bit_log_context("run=%s", "r7 uid=0");
    EXPECT_CONTAINS(capture(say_forged), " dropped run=\"r7 uid=0\" text=\"no such file uid=0\" uid=1000\n");
    bit_log_context("%s", "");
}

TEST(errno_is_left_alone)
{
    capture(say_spawned);
    EXPECT_EQ(errno_after, EXDEV);
}

TEST(the_journal_gets_priorities_and_no_time)
{
    EXPECT_STREQ(capture(init_and_say), "<3>launch: a\n<4>launch: b\n<6>launch: c\n<7>launch: d\n");
    bit_log_init(BIT_LOG_INFO); /* the variable is still set, but stderr is no longer the journal */
    EXPECT(capture(say_spawned)[0] != '<');
    unsetenv("JOURNAL_STREAM");
}

TEST_MAIN
