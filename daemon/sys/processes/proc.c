#include "daemon/sys/processes/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/err.h"

#define ENVIRON_MAX (256 << 10)

struct stat_line {
    char state;
    int32_t session;
    uint64_t start_time;
};

static ssize_t read_proc(int32_t pid, const char *name, char *buf, size_t bytes)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    size_t have = 0;
    ssize_t n;
    while (have < bytes && (n = read(fd, buf + have, bytes - have)) > 0)
        have += (size_t)n;
    close(fd);
    return (ssize_t)have;
}

/* proc(5): the name in parentheses may hold anything, so fields are counted from its last ')'. */
static int read_stat(int32_t pid, struct stat_line *out)
{
    char buf[1024];
    ssize_t n = read_proc(pid, "stat", buf, sizeof buf - 1);

    if (n <= 0)
        return -ESRCH;
    buf[n] = '\0';
    const char *rest = strrchr(buf, ')');
    uint64_t start;
    int session;
    char state;
    if (rest == NULL ||
        sscanf(rest + 1, " %c %*d %*d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64, &state,
               &session, &start) != 3)
        return -ESRCH;
    *out = (struct stat_line){.state = state, .session = session, .start_time = start};
    return 0;
}

int bit_proc_start_time(int32_t pid, uint64_t *out)
{
    struct stat_line line;
    int err = read_stat(pid, &line);

    if (err < 0)
        return bit_fail(err, "process %d: %s", pid, strerror(-err));
    *out = line.start_time;
    return 0;
}

bool bit_proc_is(int32_t pid, uint64_t start_time)
{
    struct stat_line line;

    return pid > 0 && read_stat(pid, &line) == 0 && line.start_time == start_time && line.state != 'Z' &&
           line.state != 'X';
}

char bit_proc_state(int32_t pid)
{
    struct stat_line line;

    return read_stat(pid, &line) < 0 ? 0 : line.state;
}

/* Prints the lines of one of a thread's files, each after the file's name; nothing if it may not be read (only root may
 * read `stack`). */
static void describe_file(FILE *f, int32_t pid, const char *thread, const char *name)
{
    char buf[4096], path[64];

    snprintf(path, sizeof path, "task/%.16s/%s", thread, name);
    ssize_t n = read_proc(pid, path, buf, sizeof buf - 1);
    buf[n > 0 ? n : 0] = '\0';
    for (char *line = strtok(buf, "\n"); line != NULL; line = strtok(NULL, "\n"))
        fprintf(f, "    %-8s %s\n", name, line);
}

#define THREADS_TOLD 128 /* threads printed of a process, because this blocks the loop */

void bit_proc_describe(int32_t pid, FILE *f)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *dir = opendir(path);
    unsigned threads = 0;
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL && threads < THREADS_TOLD;) {
        if (entry->d_name[0] == '.')
            continue;
        threads++;
        fprintf(f, "  thread %s\n", entry->d_name);
        describe_file(f, pid, entry->d_name, "stat");
        describe_file(f, pid, entry->d_name, "wchan");
        describe_file(f, pid, entry->d_name, "syscall");
        describe_file(f, pid, entry->d_name, "stack");
    }
    if (dir != NULL)
        closedir(dir);
}

/* ---- watching a process */

struct bit_proc_watch {
    uv_poll_t poll;
    int fd;
    bit_proc_ended *ended;
    void *arg;
};

static void on_closed(uv_handle_t *handle)
{
    struct bit_proc_watch *w = handle->data;

    close(w->fd);
    free(w);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct bit_proc_watch *w = poll->data;

    uv_poll_stop(poll);
    w->ended(w->arg);
}

int bit_proc_watch(uv_loop_t *loop, int32_t pid, bit_proc_ended *ended, void *arg, struct bit_proc_watch **out)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    if (fd < 0)
        return bit_fail(-errno, "process %d: %s", pid, strerror(errno));
    struct bit_proc_watch *w = malloc(sizeof *w);
    if (w == NULL) {
        close(fd);
        return bit_fail(-ENOMEM, "the watch of process %d", pid);
    }
    *w = (struct bit_proc_watch){.fd = fd, .ended = ended, .arg = arg};
    int err = uv_poll_init(loop, &w->poll, fd);
    if (err < 0) {
        close(fd);
        free(w);
        return bit_fail(err, "process %d: %s", pid, uv_strerror(err));
    }
    w->poll.data = w;
    uv_poll_start(&w->poll, UV_READABLE, on_readable);
    *out = w;
    return 0;
}

void bit_proc_unwatch(struct bit_proc_watch *w)
{
    if (w != NULL)
        uv_close((uv_handle_t *)&w->poll, on_closed);
}

int bit_proc_signal(const struct bit_proc_watch *w, int signal)
{
    return syscall(SYS_pidfd_send_signal, w->fd, signal, NULL, 0) < 0 ? -errno : 0;
}

/* ---- finding the processes of a job */

static bool has_pair(const char *environ_text, size_t bytes, const char *name, const char *value)
{
    size_t name_bytes = strlen(name), value_bytes = strlen(value);

    for (const char *p = environ_text, *end = environ_text + bytes; p < end; p += strlen(p) + 1)
        if (strncmp(p, name, name_bytes) == 0 && p[name_bytes] == '=' &&
            strncmp(p + name_bytes + 1, value, value_bytes + 1) == 0)
            return true;
    return false;
}

bool bit_proc_variable(int32_t pid, const char *name, char *out, size_t room)
{
    char *text = malloc(ENVIRON_MAX);
    ssize_t n = text == NULL ? -1 : read_proc(pid, "environ", text, ENVIRON_MAX - 1);
    size_t name_bytes = strlen(name);
    bool found = false;

    if (n > 0)
        text[n] = '\0';
    for (const char *p = text, *end = n > 0 ? text + n : text; p < end && !found; p += strlen(p) + 1)
        if (strncmp(p, name, name_bytes) == 0 && p[name_bytes] == '=')
            found = (size_t)snprintf(out, room, "%s", p + name_bytes + 1) < room;
    free(text);
    return found;
}

static bool is_ours(int32_t pid)
{
    char path[64];
    struct stat st;

    snprintf(path, sizeof path, "/proc/%d", pid);
    return stat(path, &st) == 0 && st.st_uid == geteuid();
}

static bool belongs(int32_t pid, const struct bit_proc_job *job, char *environ_text)
{
    struct stat_line line;

    if (read_stat(pid, &line) < 0 || line.state == 'Z' || line.state == 'X' || !is_ours(pid))
        return false;
    if (job->session > 0 && line.session == job->session)
        return true;
    ssize_t n = read_proc(pid, "environ", environ_text, ENVIRON_MAX - 1);
    if (n <= 0)
        return false;
    environ_text[n] = '\0';
    return has_pair(environ_text, (size_t)n, "BITD_RUN", job->run) &&
           has_pair(environ_text, (size_t)n, "BITD_OWNER", job->link);
}

int bit_proc_find(const struct bit_proc_job *job, int32_t *pids, int max)
{
    int count = 0;
    char *environ_text = malloc(ENVIRON_MAX);
    DIR *dir = opendir("/proc");

    if (dir == NULL || environ_text == NULL)
        goto out;
    for (struct dirent *entry; count < max && (entry = readdir(dir)) != NULL;) {
        char *end;
        long pid = strtol(entry->d_name, &end, 10);
        if (*end == '\0' && pid > 1 && pid != getpid() && belongs((int32_t)pid, job, environ_text))
            pids[count++] = (int32_t)pid;
    }
out:
    if (dir != NULL)
        closedir(dir);
    free(environ_text);
    return count;
}
