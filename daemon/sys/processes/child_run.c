#include "daemon/sys/processes/child_run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"

#define STREAMS 2 /* stdout, stderr */

struct stream {
    uv_pipe_t pipe;
    uint8_t data[BIT_CHILD_OUTPUT_MAX + 1];
    size_t bytes;
};

struct command {
    uv_process_t process;
    uv_timer_t timer;
    struct stream stream[STREAMS];
    struct bit_child_output result;
    bit_child_output_done *done;
    void *arg;
    int waiting; /* events still awaited: the exit and the ends of both streams */
    int handles;
};

static void on_closed(uv_handle_t *handle)
{
    struct command *c = handle->data;

    if (--c->handles == 0)
        free(c);
}

static void finish(struct command *c)
{
    struct bit_child_output *r = &c->result;

    r->out = c->stream[0].data;
    r->err = c->stream[1].data;
    r->out_bytes = c->stream[0].bytes;
    r->err_bytes = c->stream[1].bytes;
    c->done(c->arg, r);
    uv_close((uv_handle_t *)&c->timer, on_closed);
    uv_close((uv_handle_t *)&c->process, on_closed);
}

static void one_less(struct command *c)
{
    if (--c->waiting == 0)
        finish(c);
}

static void on_exit_status(uv_process_t *process, int64_t status, int signal)
{
    struct command *c = process->data;

    c->result.status = status;
    c->result.signal = signal;
    one_less(c);
}

static struct stream *stream_of(struct command *c, const void *pipe)
{
    return pipe == &c->stream[0].pipe ? &c->stream[0] : &c->stream[1];
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct stream *s = stream_of(handle->data, handle);

    *buf = uv_buf_init((char *)s->data + s->bytes, (unsigned)(BIT_CHILD_OUTPUT_MAX - s->bytes));
}

static void on_read(uv_stream_t *pipe, ssize_t n, const uv_buf_t *buf)
{
    struct command *c = pipe->data;

    if (n >= 0) {
        stream_of(c, pipe)->bytes += (size_t)n;
        return;
    }
    uv_close((uv_handle_t *)pipe, on_closed); /* end of file, or UV_ENOBUFS at BIT_CHILD_OUTPUT_MAX bytes */
    one_less(c);
}

static void on_late(uv_timer_t *timer)
{
    struct command *c = timer->data;

    c->result.late = true;
    uv_process_kill(&c->process, SIGKILL);
}

static void on_spawn_failed(uv_timer_t *timer)
{
    finish(timer->data);
}

static void spawn(struct command *c, uv_loop_t *loop, char *const *argv, uint64_t timeout_ms)
{
    uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE}};

    for (int i = 0; i < STREAMS; i++) {
        stdio[i + 1].flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE;
        stdio[i + 1].data.stream = (uv_stream_t *)&c->stream[i].pipe;
    }
    uv_process_options_t options = {
        .exit_cb = on_exit_status, .file = argv[0], .args = (char **)(uintptr_t)argv, .stdio_count = 3, .stdio = stdio};
    c->result.spawn_err = uv_spawn(loop, &c->process, &options);
    c->process.data = c;
    if (c->result.spawn_err < 0) {
        for (int i = 0; i < STREAMS; i++)
            uv_close((uv_handle_t *)&c->stream[i].pipe, on_closed);
        uv_timer_start(&c->timer, on_spawn_failed, 0, 0);
        return;
    }
    c->waiting = 1 + STREAMS;
    for (int i = 0; i < STREAMS; i++)
        uv_read_start((uv_stream_t *)&c->stream[i].pipe, on_alloc, on_read);
    uv_timer_start(&c->timer, on_late, timeout_ms, 0);
}

int bit_child_run(uv_loop_t *loop, char *const *argv, uint64_t timeout_ms, bit_child_output_done *done, void *arg)
{
    struct command *c = calloc(1, sizeof *c);

    if (c == NULL)
        return bit_fail(-ENOMEM, "running %s", argv[0]);
    c->done = done;
    c->arg = arg;
    c->handles = 2 + STREAMS;
    uv_timer_init(loop, &c->timer);
    c->timer.data = c->process.data = c;
    for (int i = 0; i < STREAMS; i++) {
        uv_pipe_init(loop, &c->stream[i].pipe, 0);
        c->stream[i].pipe.data = c;
    }
    spawn(c, loop, argv, timeout_ms);
    return 0;
}
