/*
 * Hooks: programs from the settings that bitd runs on events. Tests what they are given, and that training never waits
 * for one. Each hook opens a named pipe, by which the test notices its start and its end.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/daemon/fixture.h"

static struct fix f;
static char script[128], setting[4][400], text[1 << 16];
static int settings;

/* The hook's shell script; its first argument is the pipe's path. */
static void write_script(const char *body)
{
    snprintf(script, sizeof script, "%s/hook", f.dir);
    FILE *out = fopen(script, "w");
    BIT_ASSERT(out != NULL);
    fprintf(out, "#!/bin/sh\n%s\n", body);
    BIT_ASSERT(fchmod(fileno(out), 0755) == 0 && fclose(out) == 0);
}

static void set(const char *name, const char *value)
{
    snprintf(setting[settings], sizeof setting[0], "%s=%s", name, value);
    f.args[2 * settings] = "--set";
    f.args[2 * settings + 1] = setting[settings];
    settings++;
}

static void set_hook(const char *name, const char *pipe)
{
    char line[300], path[128];

    snprintf(path, sizeof path, "%s/%s", f.dir, pipe);
    EXPECT_EQ(mkfifo(path, 0600), 0);
    snprintf(line, sizeof line, "%s %s", script, path);
    set(name, line);
}

static void begin(const char *body)
{
    fix_init(&f);
    settings = 0;
    write_script(body);
}

/* All that the next hook writes into its pipe, until the last process that has the pipe open ends. */
static const char *hear(const char *pipe)
{
    char path[128];
    size_t used = 0;
    ssize_t n;

    snprintf(path, sizeof path, "%s/%s", f.dir, pipe);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    BIT_ASSERT(fd >= 0);
    while ((n = read(fd, text + used, sizeof text - 1 - used)) > 0)
        used += (size_t)n;
    text[used] = '\0';
    close(fd);
    return text;
}

static int count_in_log(const char *what)
{
    FILE *log = fopen(f.log, "r");
    char line[4096];
    int count = 0;

    while (log != NULL && fgets(line, sizeof line, log) != NULL)
        count += strstr(line, what) != NULL;
    if (log != NULL)
        fclose(log);
    return count;
}

/* Waits for a line in bitd's log by sending requests, so that bitd's loop runs in between. */
static bool is_logged(const char *run, const char *what)
{
    for (int i = 0; i < 20000 && count_in_log(what) == 0; i++)
        bit_msg_free(fix_status(&f, run));
    return count_in_log(what) > 0;
}

#define TELL "exec 3>$1; env | grep ^BITD_ >&3; cat >&3"

TEST(the_facts_are_told)
{
    char run[32], step[64];

    begin(TELL);
    set_hook("on_end", "end");
    set_hook("on_checkpoint", "checkpoint");
    set_hook("on_switch", "switch");
    if (!fix_start(&f))
        return;
    fix_submit(&f, "name='hooked'\nphases.switch.at_step=8\ncheckpoint.every=16\n", run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0); /* before any hook's output is read */
    snprintf(step, sizeof step, "BITD_RUN=%s\n", run);
    EXPECT_CONTAINS(hear("switch"), "BITD_HOOK=on_switch\n");
    EXPECT_CONTAINS(text, "BITD_PRECISION=ternary\n");
    EXPECT_CONTAINS(text, "BITD_STEP=8\n");
    EXPECT_CONTAINS(text, "\"switched\":{\"after_step\":8,");
    EXPECT_CONTAINS(hear("checkpoint"), "BITD_HOOK=on_checkpoint\n");
    EXPECT_CONTAINS(text, "/checkpoints/step-0000");
    EXPECT_CONTAINS(text, "{\"schema\":1,\"seq\":");
    EXPECT_CONTAINS(hear("end"), "BITD_RUN_STATE=completed\n");
    EXPECT_CONTAINS(text, step);
    EXPECT_CONTAINS(text, "BITD_NAME=hooked\n");
    EXPECT_CONTAINS(text, "BITD_EXIT_CODE=0\n");
    EXPECT_EQ(count_in_log("hook failed"), 0);
    fix_finish(&f);
}

TEST(an_anomaly_is_told)
{
    char run[32];

    begin(TELL);
    set_hook("on_anomaly", "anomaly");
    setenv("FAKE_SLOW", "1", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "guard.straggler_steps=4\nguard.window=16\nlaunch.ranks=2\n", run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    EXPECT_CONTAINS(hear("anomaly"), "BITD_HOOK=on_anomaly\n");
    EXPECT_CONTAINS(text, "BITD_ANOMALY=straggler\n");
    EXPECT_CONTAINS(text, "BITD_REASON=rank 1");
    fix_finish(&f);
}

/* Its child processes are killed too: the pipe ends only when the last of them has ended. */
TEST(one_that_hangs_is_killed)
{
    char run[32];

    begin("exec 3>$1; echo begun >&3; sleep 1000 & sleep 1000");
    set_hook("on_checkpoint", "checkpoint");
    set("hook_timeout", "0.2");
    if (!fix_start(&f))
        return;
    fix_submit(&f, "checkpoint.every=16\n", run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    EXPECT_STREQ(hear("checkpoint"), "begun\n");
    EXPECT(is_logged(run, "took longer than 0.2 s"));
    fix_finish(&f);
}

TEST(what_it_prints_is_thrown_away)
{
    char run[32];

    begin("exec 3>$1; exec yes");
    set_hook("on_end", "end");
    set("hook_timeout", "0.5");
    if (!fix_start(&f))
        return;
    fix_submit(&f, "", run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    EXPECT_STREQ(hear("end"), "");
    EXPECT(is_logged(run, "took longer than 0.5 s"));
    fix_finish(&f);
}

TEST(a_failure_is_said_once)
{
    char run[32];

    begin("exit 3");
    set("on_checkpoint", script);
    set("on_end", "/nonexistent/tell me");
    if (!fix_start(&f))
        return;
    fix_submit(&f, "checkpoint.every=1\n", run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    EXPECT(is_logged(run, "exit code 3"));
    EXPECT(is_logged(run, "/nonexistent/tell: no such file"));
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    EXPECT_EQ(count_in_log("hook failed"), 2);
    fix_finish(&f);
}

TEST(what_a_shell_would_read_is_refused)
{
    begin("");
    set("on_end", "mail -s done me");
    EXPECT_EQ(fix_start_refused(&f), BIT_EXIT_USAGE);
    EXPECT_EQ(count_in_log("the program's full path"), 1);
    fix_finish(&f);
    begin("");
    set("on_end", "/bin/sh -c \"true\"");
    EXPECT_EQ(fix_start_refused(&f), BIT_EXIT_USAGE);
    EXPECT_EQ(count_in_log("no shell runs this line"), 1);
    fix_finish(&f);
}

TEST_MAIN
