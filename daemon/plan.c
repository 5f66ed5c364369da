#include "daemon/plan.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/fileio.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/msg.h"

#define OUTPUT_MAX (64u << 10)
#define STREAMS    2 /* stdout, stderr */

struct stream {
    uv_pipe_t pipe;
    uint8_t data[OUTPUT_MAX];
    size_t bytes;
};

struct planning {
    uv_process_t process;
    uv_timer_t timer;
    struct stream stream[STREAMS];
    struct bit_daemon *daemon;
    char spec_path[BIT_CONFIG_PATH_MAX + 64];
    bit_plan_done *done;
    void *arg;
    int waiting; /* for the exit and for the ends of both streams */
    int handles;
    bool late;
    int64_t status;
    int signal;
    int spawn_err;
};

static void on_closed(uv_handle_t *handle)
{
    struct planning *p = handle->data;
    if (--p->handles == 0)
        free(p);
}

/* What it complained of, without the newline. */
static void explain(const struct planning *p, struct bit_plan *plan)
{
    const struct stream *err = &p->stream[1];
    int bytes = (int)BIT_MIN(err->bytes, sizeof plan->text - 64);
    while (bytes > 0 && (err->data[bytes - 1] == '\n' || err->data[bytes - 1] == '\0'))
        bytes--;
    if (p->spawn_err < 0)
        snprintf(plan->text, sizeof plan->text, "%.900s: %s", p->daemon->config.worker, uv_strerror(p->spawn_err));
    else if (p->late)
        snprintf(plan->text, sizeof plan->text, "bitworker --plan took too long");
    else if (p->signal != 0)
        snprintf(plan->text, sizeof plan->text, "bitworker --plan was ended by signal %d", p->signal);
    else if (bytes > 0)
        snprintf(plan->text, sizeof plan->text, "%.*s", bytes, (const char *)err->data);
    else
        snprintf(plan->text, sizeof plan->text, "bitworker --plan ended with %" PRId64 " and no answer", p->status);
    plan->refused = p->spawn_err == 0 && !p->late && p->signal == 0 && p->status != 0;
}

static Bit__WorkerReady *decode_answer(const struct stream *out)
{
    struct bit_frame frame;
    size_t need;
    ProtobufCMessage *msg = NULL;
    if (bit_frame_decode(out->data, out->bytes, OUTPUT_MAX, &frame, &need) <= 0 || frame.type != BIT_MSG_WORKER_READY ||
        bit_msg_decode(BIT_CHANNEL_LINK_UP, frame.type, frame.body, frame.body_bytes, &msg) < 0)
        return NULL;
    return (Bit__WorkerReady *)msg;
}

static void finish(struct planning *p)
{
    struct bit_plan plan = {0};
    unlink(p->spec_path);
    if (p->spawn_err == 0 && p->status == 0 && p->signal == 0)
        plan.ready = decode_answer(&p->stream[0]);
    if (plan.ready == NULL)
        explain(p, &plan);
    p->done(p->arg, &plan);
    bit_msg_free(plan.ready);
    uv_close((uv_handle_t *)&p->timer, on_closed);
    uv_close((uv_handle_t *)&p->process, on_closed);
}

static void one_less(struct planning *p)
{
    if (--p->waiting == 0)
        finish(p);
}

static void on_exit_status(uv_process_t *process, int64_t status, int signal)
{
    struct planning *p = process->data;
    p->status = status;
    p->signal = signal;
    one_less(p);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct planning *p = handle->data;
    struct stream *s = handle == (uv_handle_t *)&p->stream[0].pipe ? &p->stream[0] : &p->stream[1];
    *buf = uv_buf_init((char *)s->data + s->bytes, (unsigned)(OUTPUT_MAX - s->bytes));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct planning *p = stream->data;
    struct stream *s = stream == (uv_stream_t *)&p->stream[0].pipe ? &p->stream[0] : &p->stream[1];
    if (n >= 0) {
        s->bytes += (size_t)n;
        return;
    }
    uv_close((uv_handle_t *)stream, on_closed); /* its end, or more than it may say */
    one_less(p);
}

static void on_late(uv_timer_t *timer)
{
    struct planning *p = timer->data;
    p->late = true;
    uv_process_kill(&p->process, SIGKILL);
}

static int write_spec(struct planning *p, const Bit__RunSpec *spec)
{
    static unsigned count;
    size_t bytes = bit__run_spec__get_packed_size(spec);
    uint8_t *buf = malloc(bytes ? bytes : 1);
    if (buf == NULL)
        return bit_fail(-ENOMEM, "a specification");
    bit__run_spec__pack(spec, buf);
    snprintf(p->spec_path, sizeof p->spec_path, "%s/plan-%u.pb", p->daemon->config.state, count++);
    int err = bit_file_write(p->spec_path, buf, bytes);
    free(buf);
    return err;
}

static void on_spawn_failed(uv_timer_t *timer)
{
    finish(timer->data);
}

static void spawn(struct planning *p)
{
    char *argv[] = {p->daemon->config.worker, (char *)(uintptr_t) "--plan", p->spec_path, NULL};
    uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE}};
    for (int i = 0; i < STREAMS; i++) {
        stdio[i + 1].flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE;
        stdio[i + 1].data.stream = (uv_stream_t *)&p->stream[i].pipe;
    }
    uv_process_options_t options = {
        .exit_cb = on_exit_status, .file = p->daemon->config.worker, .args = argv, .stdio_count = 3, .stdio = stdio};
    p->spawn_err = uv_spawn(&p->daemon->loop, &p->process, &options);
    p->process.data = p;
    if (p->spawn_err < 0) {
        for (int i = 0; i < STREAMS; i++)
            uv_close((uv_handle_t *)&p->stream[i].pipe, on_closed);
        uv_timer_start(&p->timer, on_spawn_failed, 0, 0);
        return;
    }
    p->waiting = 1 + STREAMS;
    for (int i = 0; i < STREAMS; i++)
        uv_read_start((uv_stream_t *)&p->stream[i].pipe, on_alloc, on_read);
    uv_timer_start(&p->timer, on_late, p->daemon->config.plan_ms, 0);
}

int bit_plan_start(struct bit_daemon *d, const Bit__RunSpec *spec, bit_plan_done *done, void *arg)
{
    struct planning *p = calloc(1, sizeof *p);
    if (p == NULL)
        return bit_fail(-ENOMEM, "planning");
    p->daemon = d;
    p->done = done;
    p->arg = arg;
    int err = write_spec(p, spec);
    if (err < 0) {
        free(p);
        return err;
    }
    p->handles = 2 + STREAMS;
    uv_timer_init(&d->loop, &p->timer);
    p->timer.data = p->process.data = p;
    for (int i = 0; i < STREAMS; i++) {
        uv_pipe_init(&d->loop, &p->stream[i].pipe, 0);
        p->stream[i].pipe.data = p;
    }
    spawn(p);
    return 0;
}
