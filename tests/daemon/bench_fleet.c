/*
 * Measures bitd with the numbers of ranks in the arguments (64 512 1024 2048 4096), all on this machine. The figures
 * are printed and not judged. Each fleet trains three steps first, so that one that does not train is noticed.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/check.h"
#include "tests/daemon/fleet_run.h"

#define CALLS 2000

static struct fix f;
static char run[32];

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void pause_ms(long ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&t, NULL);
}

static bool is_logged(const char *word)
{
    char line[1024];
    bool found = false;
    FILE *file = fopen(f.log, "re");

    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL)
        found = strstr(line, word) != NULL;
    if (file != NULL)
        fclose(file);
    return found;
}

/* The number after "ms=" in the last line of bitd's log that contains `word`; -1 if there is none. */
static double logged_ms(const char *word)
{
    char line[1024];
    double ms = -1;
    FILE *file = fopen(f.log, "re");

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *at = strstr(line, word), *number = at == NULL ? NULL : strstr(at, " ms=");
        ms = number != NULL ? strtod(number + 4, NULL) : ms;
    }
    if (file != NULL)
        fclose(file);
    return ms;
}

static double wait_logged_ms(const char *word)
{
    double ms, begin_ms = now_ms();

    while ((ms = logged_ms(word)) < 0 && now_ms() - begin_ms < 60000)
        pause_ms(20);
    return ms;
}

/* The time of day of the last line in bitd's log that contains `word`; -1 if there is none. */
static double stamp_ms(const char *word)
{
    char line[1024];
    double ms = -1, s;
    unsigned hour, minute;
    FILE *file = fopen(f.log, "re");

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strstr(line, word) != NULL && sscanf(line, "%*[^T]T%u:%u:%lf", &hour, &minute, &s) == 3)
            ms = ((hour * 60 + minute) * 60 + s) * 1e3;
    if (file != NULL)
        fclose(file);
    return ms;
}

/* The process that plays the ranks. */
static pid_t fleet_pid(void)
{
    char line[1024];
    long pid = 0;
    FILE *file = fopen(f.log, "re");

    while (file != NULL && pid == 0 && fgets(line, sizeof line, file) != NULL) {
        const char *at = strstr(line, "rank connected"), *number = at == NULL ? NULL : strstr(at, " pid=");
        pid = number != NULL ? strtol(number + 5, NULL, 10) : 0;
    }
    if (file != NULL)
        fclose(file);
    return (pid_t)pid;
}

static double cpu_s(pid_t pid)
{
    char path[64], text[1024] = "";
    unsigned long user = 0, system = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    const char *after = n > 0 ? strrchr(text, ')') : NULL;
    if (fd >= 0)
        close(fd);
    if (after != NULL)
        sscanf(after + 2, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &user, &system);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double rss_mib(void)
{
    Bit__VersionRequest m = BIT__VERSION_REQUEST__INIT;
    Bit__VersionReply *reply = fix_expect(&f, BIT_MSG_VERSION_REQUEST, &m, BIT_MSG_VERSION_REPLY);
    double bytes = reply ? (double)reply->rss_bytes : 0;

    bit_msg_free(reply);
    return bytes / (1 << 20);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Asks for the status, again and again, while something else goes on. */
static struct {
    pthread_t thread;
    atomic_bool ends;
    double ms[CALLS];
    unsigned count;
} asker;

static void *ask_until_end(void *arg)
{
    while (!atomic_load(&asker.ends) && asker.count < CALLS) {
        double begun = now_ms();
        bit_msg_free(fix_status(&f, run));
        asker.ms[asker.count++] = now_ms() - begun;
        pause_ms(2);
    }
    return arg;
}

static void begin_asking(void)
{
    asker.count = 0;
    atomic_store(&asker.ends, false);
    if (pthread_create(&asker.thread, NULL, ask_until_end, NULL) != 0)
        abort();
}

static void end_asking(const char *during)
{
    atomic_store(&asker.ends, true);
    pthread_join(asker.thread, NULL);
    qsort(asker.ms, asker.count, sizeof asker.ms[0], ascending);
    if (asker.count > 0)
        printf(" status %s p50 %.2f p99 %.2f most %.2f ms;", during, asker.ms[asker.count / 2],
               asker.ms[asker.count * 99 / 100], asker.ms[asker.count - 1]);
}

static void time_status(void)
{
    static double ms[CALLS];
    const pid_t fleet = fleet_pid();
    const double bitd_s = cpu_s(f.bitd), fleet_s = cpu_s(fleet), begin = now_ms();

    for (int i = 0; i < CALLS; i++) {
        double begun = now_ms();
        bit_msg_free(fix_status(&f, run));
        ms[i] = now_ms() - begun;
        pause_ms(2);
    }
    const double per_core = 1e5 / (now_ms() - begin);
    const double bitd_share = (cpu_s(f.bitd) - bitd_s) * per_core, fleet_share = (cpu_s(fleet) - fleet_s) * per_core;
    qsort(ms, CALLS, sizeof ms[0], ascending);
    printf(" status p50 %.2f p99 %.2f most %.2f ms, bitd %.1f%% of a core, %.1f MiB, the ranks %.1f%%;", ms[CALLS / 2],
           ms[CALLS * 99 / 100], ms[CALLS - 1], bitd_share, rss_mib(), fleet_share);
}

static double since_ms(double begin, const char *word)
{
    const double ms = stamp_ms(word) - begin;

    return ms < 0 ? ms + 24 * 3600e3 : ms;
}

/* The steps that were already ordered are trained first. In the end, the process that plays all ranks must end. */
static void time_stop(void)
{
    Bit__CancelRequest m = BIT__CANCEL_REQUEST__INIT;
    const double cpu = cpu_s(f.bitd);

    begin_asking();
    m.run = run;
    m.request_id = bit_lend("cancel");
    bit_msg_free(fix_expect(&f, BIT_MSG_CANCEL_REQUEST, &m, BIT_MSG_DONE_REPLY));
    fix_wait_state(&f, run, BIT__RUN_STATE__CANCELLED);
    end_asking("meanwhile");
    const double begin = stamp_ms("verb=cancel");
    printf(" told to stop: the last step ordered before is reported after %.0f ms, every rank is done after %.0f, "
           "the processes are gone after %.0f, bitd's CPU time %.0f;",
           since_ms(begin, "reports: step"), since_ms(begin, "done: done"), since_ms(begin, "state=cancelled"),
           (cpu_s(f.bitd) - cpu) * 1e3);
}

static void time_steady(unsigned ranks)
{
    fix_init(&f);
    setenv("FAKE_LOG", "1", 1);
    setenv("FAKE_STEP_US", "100000", 1);
    if (!fleet_begin(&f, "heartbeat_timeout=5"))
        return;
    fleet_submit(&f, ranks, "schedule.steps=1000000", run);
    begin_asking();
    const double greeted_ms = wait_logged_ms("every rank is here");
    printf("%u ranks: greeted in %.0f ms,", ranks, greeted_ms);
    end_asking("meanwhile");
    fix_wait_step(&f, run, 3);
    printf(" %u attempts failed;", fleet_failed_attempts(&f, run));
    time_status();
    time_stop();
    fix_finish(&f);
}

static void time_restart(unsigned ranks)
{
    fix_init(&f);
    setenv("FAKE_STEP_US", "100000", 1);
    if (!fleet_begin(&f, "heartbeat_timeout=5"))
        return;
    fleet_submit(&f, ranks, "schedule.steps=1000000", run);
    wait_logged_ms("every rank is here");
    fix_stop(&f, SIGKILL);
    EXPECT(truncate(f.log, 0) == 0);
    const double begin = now_ms();
    if (!fix_start(&f))
        return;
    const double after = now_ms() - begin;
    wait_logged_ms("every rank is here");
    printf(" bitd killed and started: all back after %.0f ms (%.0f ms until it listened);", now_ms() - begin, after);
    fix_finish(&f);
}

static void time_mute(unsigned ranks)
{
    char once[128], mute[16];
    double begin = 0;

    fix_init(&f);
    snprintf(once, sizeof once, "%s/muted", f.dir);
    snprintf(mute, sizeof mute, "%u", ranks * 3 / 5);
    setenv("FAKE_MUTE", mute, 1);
    setenv("FAKE_MUTE_AT", "20", 1);
    setenv("FAKE_ONCE", once, 1);
    setenv("FAKE_STEP_US", "100000", 1);
    if (!fleet_begin(&f, "heartbeat_timeout=5"))
        return;
    fleet_submit(&f, ranks, "schedule.steps=1000000", run);
    while (access(once, F_OK) < 0)
        pause_ms(1);
    begin = now_ms();
    while (!is_logged("examine: examining"))
        pause_ms(10);
    printf(" a mute rank named after %.1f s,", (now_ms() - begin) / 1000);
    fix_wait_state(&f, run, BIT__RUN_STATE__RESTARTING);
    printf(" its launch ended after %.1f s,", (now_ms() - begin) / 1000);
    fix_wait_state(&f, run, BIT__RUN_STATE__TRAINING);
    printf(" trains again after %.1f s\n", (now_ms() - begin) / 1000);
    fix_finish(&f);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const unsigned ranks = (unsigned)strtoul(argv[i], NULL, 10);
        time_steady(ranks);
        fflush(stdout);
        time_restart(ranks);
        fflush(stdout);
        time_mute(ranks);
        fflush(stdout);
    }
    return test_state.failures > 0;
}
