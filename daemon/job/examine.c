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
#include "daemon/run/ranks/hung_rank.h"
#include "daemon/sys/processes/proc.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/escape.h"
#include "proto/format.h"
#include "proto/log.h"

BIT_LOG_TOPIC("examine");

#define ANSWER_MS 1000        /* for the stacks; a rank that does not answer is itself a finding */
#define PORTION   (64u << 10) /* of the log, read at once */
#define LOG_BYTES (32u << 20) /* of the log, copied at most: 8 KiB each of 4096 ranks */
#define DESCRIBED 16          /* processes of this machine whose threads are read from /proc */

void bit_examine_stop(struct bit_job *job)
{
    if (!job->examine.on)
        return;
    job->examine.on = false;
    uv_timer_stop(&job->examine.limit);
    uv_fs_event_stop(&job->examine.change);
    bit_stack_marks_finish(&job->examine.marks);
}

/* ---- answers of the ranks */

static int open_log(const struct bit_job *job)
{
    char *path = bit_runner_path(job->runner, job->runner->run.launch.log);
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);

    free(path);
    return fd;
}

/* Read what was added to the log since the last time. */
static void read_answers(struct bit_job *job)
{
    struct bit_examine *x = &job->examine;
    static char text[PORTION];
    int fd = open_log(job);
    ssize_t n;

    while (fd >= 0 && (n = pread(fd, text, sizeof text, (off_t)(x->from + x->taken))) > 0) {
        bit_stack_marks_take(&x->marks, text, (size_t)n);
        x->taken += (uint64_t)n;
    }
    if (fd >= 0)
        close(fd);
}

static bool has_answered(const struct bit_job *job, uint32_t rank)
{
    return rank < job->examine.marks.ranks && job->examine.marks.answered[rank];
}

/* Silent ranks are not waited for. */
static bool all_answered(const struct bit_job *job)
{
    const uint64_t beat_ms = job->runner->env->config->heartbeat_ms / BIT_BEATS_MISSED;

    for (uint32_t r = 0; r < job->watch.ranks; r++)
        if (bit_watch_silent_ms(&job->watch, r) < 2 * beat_ms && !has_answered(job, r))
            return false;
    return true;
}

/* ---- findings */

static void write_ranks(FILE *f, const struct bit_job *job)
{
    const uint64_t beat_ms = job->runner->env->config->heartbeat_ms / BIT_BEATS_MISSED;

    fprintf(f, "%5s %-24s %8s %10s %-11s %9s %s\n", "rank", "host", "pid", "step done", "section", "silent s",
            "stacks");
    for (uint32_t r = 0; r < job->watch.ranks; r++) {
        const struct bit_watch_rank *rank = &job->watch.rank[r];
        const uint64_t silent_ms = bit_watch_silent_ms(&job->watch, r);
        fprintf(f, "%5u %-24s %8u %10" PRIu64 " %-11s %9.1f %s\n", r, rank->host, rank->pid, rank->step,
                rank->section[0] ? rank->section : "-", silent_ms > 2 * beat_ms ? (double)silent_ms / 1000 : 0,
                has_answered(job, r) ? "below" : "none came");
    }
}

static void write_process(FILE *f, const struct bit_job *job, uint32_t rank)
{
    fprintf(f, "\nrank %u, as the kernel sees it:\n", rank);
    bit_proc_describe((int32_t)job->watch.rank[rank].pid, f);
}

/* Those on this machine: the suspect, and some others for comparison. */
static void write_processes(FILE *f, const struct bit_job *job, int64_t suspect)
{
    unsigned written = suspect >= 0 && bit_watch_is_here(&job->watch.rank[suspect]);

    if (written > 0)
        write_process(f, job, (uint32_t)suspect);
    for (uint32_t r = 0; r < job->watch.ranks && written < DESCRIBED; r++) {
        if (r == suspect || !bit_watch_is_here(&job->watch.rank[r]))
            continue;
        write_process(f, job, r);
        written++;
    }
}

/* Copy the lines of the ranks' stacks, without the rest of the log. */
static void copy_stacks(FILE *f, const struct bit_job *job)
{
    int fd = open_log(job);
    FILE *log = fd < 0 ? NULL : fdopen(fd, "r");
    char line[1024];
    bool begins = true, is_stack = false;
    size_t sum = 0;

    if (log == NULL && fd >= 0)
        close(fd);
    if (log == NULL || fseeko(log, (off_t)job->examine.from, SEEK_SET) < 0)
        fputs("the log cannot be read\n", f);
    while (log != NULL && sum < LOG_BYTES && fgets(line, sizeof line, log) != NULL) {
        const size_t length = strlen(line);
        sum += BIT_MAX(length, 1u);
        is_stack = begins ? strncmp(line, "stack", 5) == 0 : is_stack;
        begins = length > 0 && line[length - 1] == '\n';
        if (is_stack)
            fputs(line, f);
    }
    if (log != NULL)
        fclose(log);
}

static void write_found(struct bit_job *job, const char *name, const char *cause, int64_t suspect)
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
    write_ranks(f, job);
    write_processes(f, job, suspect);
    fputs("\n", f);
    copy_stacks(f, job);
    if (fclose(f) != 0)
        bit_warn("not written", "path=%s text=%s", path, strerror(errno));
    free(path);
}

static int64_t find_suspect(const struct bit_job *job)
{
    struct bit_hung_rank *ranks = calloc(job->watch.ranks, sizeof *ranks);

    if (ranks == NULL)
        return -1;
    for (uint32_t r = 0; r < job->watch.ranks; r++) {
        const struct bit_watch_rank *rank = &job->watch.rank[r];
        ranks[r] = (struct bit_hung_rank){
            .known = rank->greeted, .answered = has_answered(job, r), .step = rank->step, .section = rank->section};
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
    if (!rank->greeted) {
        bit_format(text, room, "rank %" PRId64 " hangs: %s; see %s", suspect, job->examine.why, file);
        return;
    }
    char state = bit_watch_is_here(rank) ? bit_proc_state((int32_t)rank->pid) : 0;
    bit_format(text, room,
               "rank %" PRId64 " on %s (pid %u) hangs: %s, last heard in '%s' after step %" PRIu64 "%s; see %s",
               suspect, rank->host[0] ? rank->host : "an unknown host", rank->pid, job->examine.why,
               rank->heard ? rank->section : "start", rank->step,
               state == 'T' || state == 't' ? ", it is stopped"
               : state == 'D'               ? ", it waits for a device or a file system"
                                            : "",
               file);
}

static void finish(struct bit_job *job)
{
    char name[64], text[BIT_ERR_TEXT_MAX];

    read_answers(job);
    int64_t suspect = job->examine.suspect >= 0 ? job->examine.suspect : find_suspect(job);
    snprintf(name, sizeof name, "logs/hang-%u.txt", job->runner->run.launch.attempt);
    describe(job, suspect, name, text, sizeof text);
    write_found(job, name, text, suspect);
    bit_examine_stop(job);
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
    read_answers(job);
    if (all_answered(job))
        finish(job);
}

static void watch_log(struct bit_job *job)
{
    struct stat st = {0};
    char *path = bit_runner_path(job->runner, job->runner->run.launch.log);

    if (path != NULL && stat(path, &st) == 0)
        uv_fs_event_start(&job->examine.change, on_change, path, 0);
    job->examine.from = (uint64_t)st.st_size;
    job->examine.taken = 0;
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
    if (bit_stack_marks_begin(&x->marks, job->watch.ranks) < 0)
        bit_warn("not examined", "text=%s", bit_fail_text()); /* without marks no rank counts as having answered */
    va_start(args, fmt);
    bit_vformat(x->why, sizeof x->why, fmt, args);
    va_end(args);
    bit_warn("examining", "run=%s step=%" PRIu64 " rank=%" PRId64 " why=%s", job->runner->run.id, job->runner->run.step,
             suspect, x->why);
    watch_log(job);
    uv_timer_start(&x->limit, on_limit, ANSWER_MS, 0);
    if (job->launch == NULL || bit_launch_signal(job->launch, SIGUSR2) < 0)
        uv_timer_start(&x->limit, on_limit, 0, 0); /* no launcher to ask */
}
