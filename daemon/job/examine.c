#include "daemon/job/examine.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/job/job.h"
#include "daemon/run/hung_rank.h"
#include "daemon/sys/proc.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/escape.h"
#include "proto/format.h"
#include "proto/log.h"

BIT_LOG_TOPIC("examine");

#define ANSWER_MS 1000       /* for the stacks; a rank that does not answer says something by that */
#define LOG_BYTES (4u << 20) /* of stacks, at most */

void bit_examine_stop(struct bit_job *job)
{
    if (!job->examine.on)
        return;
    job->examine.on = false;
    uv_timer_stop(&job->examine.limit);
    uv_fs_event_stop(&job->examine.change);
}

/* ---- what the ranks wrote */

/* What the log has since the examination began, NUL-terminated, heap. */
static char *read_answers(const struct bit_job *job)
{
    char *path = bit_runner_path(job->runner, job->runner->run.launch.log), *text = malloc(LOG_BYTES + 1);
    int fd = path == NULL || text == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : pread(fd, text, LOG_BYTES, (off_t)job->examine.from);

    if (fd >= 0)
        close(fd);
    free(path);
    if (n < 0) {
        free(text);
        return NULL;
    }
    text[n] = '\0';
    for (ssize_t i = 0; i < n; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    return text;
}

static bool has_answered(const char *answers, uint32_t rank)
{
    char line[48];

    snprintf(line, sizeof line, "stacks rank=%u end\n", rank);
    return answers != NULL && strstr(answers, line) != NULL;
}

/* All but those that say nothing any more; one tick may pass between two beats. */
static bool all_answered(const struct bit_job *job, const char *answers)
{
    for (uint32_t r = 0; r < job->watch.ranks; r++)
        if (job->watch.rank[r].silent <= 1 && !has_answered(answers, r))
            return false;
    return true;
}

/* ---- what was found */

static void write_ranks(FILE *f, const struct bit_job *job, const char *answers)
{
    double beat_s = (double)job->runner->env->config->heartbeat_ms / BIT_BEATS_MISSED / 1000;

    fprintf(f, "%5s %-24s %8s %10s %-11s %9s %s\n", "rank", "host", "pid", "step done", "section", "silent s",
            "stacks");
    for (uint32_t r = 0; r < job->watch.ranks; r++) {
        const struct bit_watch_rank *rank = &job->watch.rank[r];
        fprintf(f, "%5u %-24s %8u %10" PRIu64 " %-11s %9.1f %s\n", r, rank->host, rank->pid, rank->step,
                rank->section[0] ? rank->section : "-", rank->silent > 1 ? beat_s * rank->silent : 0,
                has_answered(answers, r) ? "below" : "none came");
    }
}

static void write_found(struct bit_job *job, const char *name, const char *cause, const char *answers)
{
    char *path = bit_runner_path(job->runner, name);
    int fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

    if (f == NULL) {
        bit_warn("not written", "path=%s text=%s", path ? path : name, strerror(errno));
        if (fd >= 0)
            close(fd);
        free(path);
        return;
    }
    fprintf(f, "%s: ", job->runner->run.id);
    bit_escape_print(f, cause);
    fputs("\n\n", f);
    write_ranks(f, job, answers);
    for (uint32_t r = 0; r < job->watch.ranks; r++)
        if (bit_watch_is_here(&job->watch.rank[r])) {
            fprintf(f, "\nrank %u, as the kernel sees it:\n", r);
            bit_proc_describe((int32_t)job->watch.rank[r].pid, f);
        }
    fputs("\n", f);
    for (const char *at = answers; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, "\n");
        if (strncmp(at, "stack", 5) == 0)
            fprintf(f, "%.*s\n", (int)length, at);
        at += length + (at[length] == '\n');
    }
    if (fclose(f) != 0)
        bit_warn("not written", "path=%s text=%s", path, strerror(errno));
    free(path);
}

static int64_t find_suspect(const struct bit_job *job, const char *answers)
{
    struct bit_hung_rank *ranks = calloc(job->watch.ranks, sizeof *ranks);

    if (ranks == NULL)
        return -1;
    for (uint32_t r = 0; r < job->watch.ranks; r++) {
        const struct bit_watch_rank *rank = &job->watch.rank[r];
        ranks[r] = (struct bit_hung_rank){
            .known = rank->heard, .answered = has_answered(answers, r), .step = rank->step, .section = rank->section};
    }
    int64_t suspect = bit_hung_rank_find(ranks, job->watch.ranks);
    free(ranks);
    return suspect;
}

static void describe(const struct bit_job *job, int64_t suspect, const char *file, char *text, size_t room)
{
    uint64_t step = job->runner->run.step;

    if (suspect < 0) {
        bit_format(text, room, "%s after step %" PRIu64 ", last seen in '%s'; no rank stands out, see %s",
                   job->examine.why, step, job->section, file);
        return;
    }
    const struct bit_watch_rank *rank = &job->watch.rank[suspect];
    char state = bit_watch_is_here(rank) ? bit_proc_state((int32_t)rank->pid) : 0;
    bit_format(
        text, room, "rank %" PRId64 " on %s (pid %u) hangs: %s, last heard in '%s' after step %" PRIu64 "%s; see %s",
        suspect, rank->host[0] ? rank->host : "an unknown host", rank->pid, job->examine.why, rank->section, rank->step,
        state == 'T' || state == 't' ? ", it is stopped"
        : state == 'D'               ? ", it waits for a device or a file system"
                                     : "",
        file);
}

static void finish(struct bit_job *job)
{
    char *answers = read_answers(job), name[64], text[BIT_ERR_TEXT_MAX];
    int64_t suspect = job->examine.suspect >= 0 ? job->examine.suspect : find_suspect(job, answers);

    bit_examine_stop(job);
    snprintf(name, sizeof name, "logs/hang-%u.txt", job->runner->run.launch.attempt);
    describe(job, suspect, name, text, sizeof text);
    write_found(job, name, text, answers);
    free(answers);
    job->ops->hung(job, suspect, text);
}

/* ---- asking */

static void on_limit(uv_timer_t *timer)
{
    finish(timer->data);
}

static void on_change(uv_fs_event_t *handle, const char *name, int events, int status)
{
    struct bit_job *job = handle->data;

    if (!job->examine.on)
        return;
    char *answers = read_answers(job);
    bool all = all_answered(job, answers);
    free(answers);
    if (all)
        finish(job);
}

static void watch_log(struct bit_job *job)
{
    struct stat st = {0};
    char *path = bit_runner_path(job->runner, job->runner->run.launch.log);

    if (path != NULL && stat(path, &st) == 0)
        uv_fs_event_start(&job->examine.change, on_change, path, 0);
    job->examine.from = (uint64_t)st.st_size;
    free(path);
}

void bit_examine_start(struct bit_job *job, int64_t suspect, const char *fmt, ...)
{
    struct bit_examine *x = &job->examine;
    va_list args;

    if (x->on)
        return;
    x->on = true;
    x->suspect = suspect;
    va_start(args, fmt);
    bit_vformat(x->why, sizeof x->why, fmt, args);
    va_end(args);
    bit_warn("examining", "run=%s step=%" PRIu64 " rank=%" PRId64 " why=%s", job->runner->run.id, job->runner->run.step,
             suspect, x->why);
    watch_log(job);
    uv_timer_start(&x->limit, on_limit, ANSWER_MS, 0);
    if (job->launch == NULL || bit_launch_signal(job->launch, SIGUSR2) < 0)
        uv_timer_start(&x->limit, on_limit, 0, 0); /* nobody to ask */
}
