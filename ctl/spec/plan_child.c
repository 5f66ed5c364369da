#include "ctl/spec/plan_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"

#define PLAN_MS 30000

extern char **environ;

struct stream {
    int fd; /* -1 after its end */
    uint8_t *data;
    size_t bytes;
};

struct child {
    pid_t pid;
    struct stream stream[2]; /* stdout, stderr */
    bool late;
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Writes the specification to a memory file that the child inherits; returns its descriptor. */
static int write_spec(const Bit__RunSpec *spec)
{
    const size_t bytes = bit__run_spec__get_packed_size(spec);
    uint8_t *buf = malloc(bytes ? bytes : 1);
    int fd = memfd_create("specification", 0);
    int err = buf == NULL ? -ENOMEM : fd < 0 ? -errno : 0;

    if (err == 0) {
        bit__run_spec__pack(spec, buf);
        if (write(fd, buf, bytes) != (ssize_t)bytes)
            err = -EIO;
    }
    free(buf);
    if (err < 0 && fd >= 0)
        close(fd);
    return err < 0 ? err : fd;
}

static int spawn(struct child *c, char *const *argv)
{
    int out[2] = {-1, -1}, errors[2] = {-1, -1}, err = 0;
    posix_spawn_file_actions_t actions;

    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(errors, O_CLOEXEC) < 0)
        err = -errno;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, errors[1], STDERR_FILENO);
    if (err == 0)
        err = -posix_spawnp(&c->pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    close(errors[1]);
    c->stream[0].fd = out[0];
    c->stream[1].fd = errors[0];
    return err;
}

static void read_some(struct stream *s)
{
    const size_t room = BIT_CHILD_OUTPUT_MAX - s->bytes;
    ssize_t n = room > 0 ? read(s->fd, s->data + s->bytes, room) : 0;

    if (n > 0) {
        s->bytes += (size_t)n;
        return;
    }
    if (n < 0 && errno == EINTR)
        return;
    close(s->fd);
    s->fd = -1;
}

/* Reads both streams to their ends; a child that takes too long is killed. */
static void listen_to(struct child *c)
{
    const int64_t end = now_ms() + PLAN_MS;

    while (c->stream[0].fd >= 0 || c->stream[1].fd >= 0) {
        struct pollfd p[2] = {{.fd = c->stream[0].fd, .events = POLLIN}, {.fd = c->stream[1].fd, .events = POLLIN}};
        const int64_t left = end - now_ms();
        int ready = poll(p, 2, (int)BIT_MAX(left, 0));
        if (ready == 0 && !c->late) {
            c->late = true;
            kill(c->pid, SIGKILL);
        }
        for (int i = 0; i < 2 && ready > 0; i++)
            if (p[i].revents != 0)
                read_some(&c->stream[i]);
    }
}

static void wait_for_end(const struct child *c, struct bit_child_output *r)
{
    int status = 0;

    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    r->status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    r->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void run(struct child *c, char *const *argv, struct bit_child_output *r)
{
    r->spawn_err = spawn(c, argv);
    if (r->spawn_err == 0) {
        listen_to(c);
        wait_for_end(c, r);
    }
    for (int i = 0; i < 2; i++)
        if (c->stream[i].fd >= 0)
            close(c->stream[i].fd);
    r->late = c->late;
    r->out = c->stream[0].data;
    r->out_bytes = c->stream[0].bytes;
    r->err = c->stream[1].data;
    r->err_bytes = c->stream[1].bytes;
}

void bit_plan_child_ask(const Bit__RunSpec *spec, struct bit_plan_answer *out)
{
    struct child c = {.stream = {{.fd = -1}, {.fd = -1}}};
    struct bit_child_output r = {0};
    char worker[BIT_PATH_MAX], path[64];
    int fd = write_spec(spec);

    bit_plan_answer_find_worker(worker, sizeof worker);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    char *argv[] = {worker, bit_lend("--plan"), path, NULL};
    for (int i = 0; i < 2; i++)
        c.stream[i].data = calloc(1, BIT_CHILD_OUTPUT_MAX + 1);
    r.spawn_err = fd < 0 ? fd : c.stream[0].data == NULL || c.stream[1].data == NULL ? -ENOMEM : 0;
    if (r.spawn_err == 0)
        run(&c, argv, &r);
    bit_plan_answer_take(&r, worker, out);
    free(c.stream[0].data);
    free(c.stream[1].data);
    if (fd >= 0)
        close(fd);
}
