#include "daemon/client/stream/stream.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/client/connection/quota.h"
#include "daemon/client/connection/run_names.h"
#include "daemon/client/connection/stream_queue.h"
#include "daemon/client/stream/stream_portion.h"
#include "daemon/store/runs/runner.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/wire/msg.h"

#define SHORT_MAX 3 /* tries in a row in which a journal is shorter than it should be; then it is damaged */

enum kind { EVENTS, LOG, LINES }; /* LINES: searching the last lines of a log; then it becomes a LOG */

struct bit_stream {
    struct bit_client *client;
    struct bit_runner *runner;
    enum kind kind;
    bool follow;
    int fd; /* -1 while there is no log */
    struct bit_stream_portion portion;
    struct bit_stream_task task;
    bool reading, dead;   /* reading: the pool uses the portion; dead: freed when the pool is done with it */
    int result;           /* of the portion */
    unsigned cut_short;   /* tries in a row in which the journal was too short */
    bool settled;         /* when the portion was begun, nothing more could be written to this log */
    bool look;            /* the log may have grown since it was last read */
    uv_fs_event_t change; /* watches the log */
    bool watching;        /* `change` is initialised and must be closed */
};

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void release(struct bit_stream *s)
{
    if (s->fd >= 0)
        close(s->fd);
    free(s->portion.frames);
    if (s->watching)
        uv_close((uv_handle_t *)&s->change, on_closed);
    else
        free(s);
}

void bit_stream_destroy(struct bit_stream *s)
{
    if (s == NULL)
        return;
    s->dead = true;
    if (!s->reading || bit_stream_queue_cancel(&s->client->all->stream_queue, &s->task))
        release(s);
}

struct bit_runner *bit_stream_runner(const struct bit_stream *s)
{
    return s->runner;
}

static void make_portion(struct bit_stream_task *task)
{
    static int (*const make[])(struct bit_stream_portion * p) = {
        [EVENTS] = bit_stream_portion_events, [LOG] = bit_stream_portion_log, [LINES] = bit_stream_portion_lines};
    struct bit_stream *s = task->data;

    s->result = make[s->kind](&s->portion);
}

static void on_portion(struct bit_stream_task *task);

static struct bit_stream *new_stream(struct bit_client *c, struct bit_runner *r, enum kind kind, bool follow)
{
    struct bit_stream *s = calloc(1, sizeof *s);

    if (s == NULL) {
        bit_fail(-ENOMEM, "a stream");
        return NULL;
    }
    s->client = c;
    s->runner = r;
    s->kind = kind;
    s->fd = -1;
    s->follow = follow;
    s->portion.end = UINT64_MAX;
    s->task = (struct bit_stream_task){.work = make_portion, .done = on_portion, .data = s};
    return s;
}

static int open_below(const struct bit_runner *r, const char *name)
{
    char *path = bit_runner_path(r, name);
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    int err = fd >= 0 ? fd : bit_fail(-errno, "%s: %s", path ? path : name, strerror(errno));

    free(path);
    return err;
}

/* ---- logs */

static void on_change(uv_fs_event_t *handle, const char *name, int events, int status)
{
    struct bit_stream *s = handle->data;

    s->look = true;
    bit_stream_pump(s);
}

static void watch_log(struct bit_stream *s, const char *name)
{
    char *path = bit_runner_path(s->runner, name);

    if (!s->follow || path == NULL) {
        free(path);
        return;
    }
    if (!s->watching)
        uv_fs_event_init(s->runner->env->loop, &s->change);
    s->change.data = s;
    s->watching = true;
    uv_fs_event_stop(&s->change);
    uv_fs_event_start(&s->change, on_change, path, 0);
    free(path);
}

static int open_log(struct bit_stream *s, uint32_t attempt)
{
    char name[64];

    snprintf(name, sizeof name, "logs/worker-%u.log", attempt);
    int fd = open_below(s->runner, name);
    if (fd < 0)
        return fd;
    if (s->fd >= 0)
        close(s->fd);
    s->fd = s->portion.fd = fd;
    s->portion.attempt = attempt;
    s->portion.offset = 0;
    s->look = true;
    watch_log(s, name);
    return 0;
}

static bool is_over(const struct bit_stream *s)
{
    return !s->follow ||
           (bit_run_ended(&s->runner->run) && s->runner->job == NULL && !bit_runner_is_blocked(s->runner));
}

/* Whether the log is complete: the next attempt has begun, or there will be none. */
static bool is_settled(const struct bit_stream *s)
{
    return is_over(s) || s->portion.attempt < s->runner->run.launch.attempt;
}

/* Opens the log of the next attempt, if the stream follows and there is one. */
static bool next_log(struct bit_stream *s)
{
    bool next = s->follow && s->portion.attempt < s->runner->run.launch.attempt;

    return next && open_log(s, s->portion.attempt + 1) == 0;
}

static bool has_log(struct bit_stream *s)
{
    return (s->fd >= 0 || next_log(s)) && (s->look || is_settled(s));
}

static void found_lines(struct bit_stream *s)
{
    s->kind = LOG;
    s->portion.end = UINT64_MAX;
    s->look = true;
}

/* ---- events */

/* Bytes after journal.bytes are still being written, or will be cut off, and are not sent. For a damaged journal that
 * end is not known. */
static bool has_events(struct bit_stream *s)
{
    struct bit_stream_portion *p = &s->portion;
    const struct bit_journal_index *x = &s->runner->journal.index;

    if (s->runner->corrupt)
        return true;
    p->end = s->runner->journal.bytes;
    if (p->steps)
        return p->offset < p->end;
    return bit_journal_index_find(x, p->after) < x->count;
}

static void pick_events(struct bit_stream *s)
{
    struct bit_stream_portion *p = &s->portion;
    const struct bit_journal_index *x = &s->runner->journal.index;
    size_t first = bit_journal_index_find(x, p->after);

    p->picked_count = BIT_MIN(x->count - first, (size_t)BIT_STREAM_PORTION_PICKS);
    memcpy(p->picked, x->entry + first, p->picked_count * sizeof p->picked[0]);
}

static void note_picked(struct bit_stream_portion *p)
{
    for (size_t i = 0; i < p->picked_count && p->picked[i].offset < p->offset; i++)
        p->after = p->picked[i].seq;
}

/* ---- both */

static void end_stream(struct bit_stream *s, int err)
{
    struct bit_client *c = s->client;

    c->stream = NULL;
    s->dead = true;
    if (err < 0) {
        bit_client_refuse(c, err, "%s/%s: %s", s->runner->dir, s->kind == EVENTS ? "journal" : "logs", s->portion.text);
    } else {
        Bit__EndReply m = BIT__END_REPLY__INIT;
        bit_client_send(c, BIT_MSG_END_REPLY, &m);
        bit_client_end(c);
    }
    release(s);
}

static void begin_portion(struct bit_stream *s)
{
    s->reading = true;
    s->settled = is_settled(s);
    s->look = false;
    s->portion.frames = NULL;
    s->portion.frame_bytes = s->portion.frame_room = 0;
    if (s->kind == EVENTS && !s->portion.steps && !s->runner->corrupt)
        pick_events(s);
    bit_stream_queue_add(&s->client->all->stream_queue, &s->task);
}

void bit_stream_pump(struct bit_stream *s)
{
    if (s->reading || s->dead || !bit_quota_has_room(s->client))
        return;
    if (s->kind == EVENTS ? has_events(s) : has_log(s))
        begin_portion(s);
    else if (is_over(s))
        end_stream(s, 0);
}

/* The journal is shorter than it should be. If a failed sync cut it off, it will be written again, and the change of
 * the run pumps the stream. */
static bool goes_on_short(struct bit_stream *s)
{
    if (bit_runner_is_blocked(s->runner))
        return s->follow;
    if (++s->cut_short < SHORT_MAX) {
        begin_portion(s);
        return true;
    }
    bit_format(s->portion.text, sizeof s->portion.text, "the journal of %s ends at byte %" PRIu64 ", before it should",
               s->runner->run.id, s->portion.offset);
    s->result = BIT_ECORRUPT;
    return false;
}

/* The portion was empty. The end of a log is final only if the log was complete when the portion was begun. */
static void at_end(struct bit_stream *s)
{
    if (s->kind == LINES)
        found_lines(s);
    else if (s->kind == EVENTS && s->runner->corrupt)
        end_stream(s, 0);
    else if (s->kind == EVENTS && goes_on_short(s))
        return;
    else if (s->kind == EVENTS || (s->settled && !next_log(s) && is_over(s)))
        end_stream(s, s->result);
    else
        s->look = s->look || is_settled(s) != s->settled;
}

static void send_portion(struct bit_stream *s)
{
    uint8_t *frames = s->portion.frames;
    size_t bytes = s->portion.frame_bytes;

    s->portion.frames = NULL;
    s->cut_short = s->result > 0 ? 0 : s->cut_short;
    note_picked(&s->portion);
    if (bytes > 0)
        bit_client_send_frames(s->client, frames, bytes);
    else
        free(frames);
}

static void on_portion(struct bit_stream_task *task)
{
    struct bit_stream *s = task->data;
    struct bit_client *c = s->client;

    s->reading = false;
    if (s->dead) {
        release(s);
        return;
    }
    send_portion(s);
    if (c->stream != s) /* the client was dropped, and the stream with it */
        return;
    if (s->result > 0)
        s->look = true;
    else if (s->result < 0)
        end_stream(s, s->result);
    else
        at_end(s);
    if (c->stream == s && (s->result > 0 || s->look))
        bit_stream_pump(s);
}

static int begin_events(struct bit_client *c, struct bit_runner *r, const Bit__EventsRequest *request)
{
    struct bit_stream *s = new_stream(c, r, EVENTS, request->has_follow && request->follow);

    if (s == NULL)
        return -ENOMEM;
    s->portion.after = request->has_after ? request->after : 0;
    s->portion.steps = request->has_steps && request->steps;
    s->portion.items = request->has_items && request->items;
    s->portion.offset = bit_journal_index_offset(&r->journal.index, s->portion.after);
    s->fd = s->portion.fd = open_below(r, "journal");
    if (s->fd < 0) {
        int err = s->fd;
        release(s);
        return err;
    }
    c->stream = s;
    bit_stream_pump(s);
    return 0;
}

/* A log is sent from an offset, from its last lines, or from the beginning. */
static void find_beginning(struct bit_stream *s, const Bit__LogRequest *request)
{
    struct stat st;

    if (s->fd < 0 || (!request->has_offset && !request->has_tail_lines))
        return;
    uint64_t size = fstat(s->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    s->portion.offset = request->has_offset ? request->offset : size;
    if (request->has_offset || request->tail_lines == 0)
        return;
    s->kind = LINES;
    s->portion.lines = request->tail_lines;
    s->portion.end = size;
}

/* Only attempts that were launched have a log. */
static int check_attempt(const struct bit_run *run, const Bit__LogRequest *request)
{
    const uint32_t launches = run->launch.attempt;

    if (!request->has_attempt || request->attempt <= launches)
        return 0;
    if (launches == 0)
        return bit_fail(BIT_ESTATE, "%s has no attempt %u: it was not launched yet", run->id, request->attempt);
    return bit_fail(BIT_ESTATE, "%s has no attempt %u: there %s %u", run->id, request->attempt,
                    launches == 1 ? "was" : "were", launches);
}

static int begin_log(struct bit_client *c, struct bit_runner *r, const Bit__LogRequest *request)
{
    int err = check_attempt(&r->run, request);

    if (err < 0)
        return err;
    struct bit_stream *s = new_stream(c, r, LOG, request->has_follow && request->follow);

    if (s == NULL)
        return -ENOMEM;
    uint32_t attempt = request->has_attempt && request->attempt > 0 ? request->attempt : r->run.launch.attempt;
    err = attempt == 0 ? 0 : open_log(s, attempt); /* 0: nothing was launched yet */
    if (err < 0) {
        release(s);
        return err;
    }
    find_beginning(s, request);
    if (request->has_attempt && request->attempt > 0 && attempt < r->run.launch.attempt && !request->has_offset)
        s->follow = false; /* an older attempt was asked for, whose log does not grow */
    c->stream = s;
    bit_stream_pump(s);
    return 0;
}

void bit_stream_events(struct bit_client *c, const Bit__EventsRequest *m)
{
    struct bit_runner *r = bit_run_names_asked(c, m->run, BIT_RUN_READ);
    int err = r == NULL ? 0 : bit_quota_stream(c);

    if (r != NULL && err == 0)
        err = begin_events(c, r, m);
    if (err < 0)
        bit_client_refuse(c, err, "%s", bit_fail_text());
}

void bit_stream_log(struct bit_client *c, const Bit__LogRequest *m)
{
    struct bit_runner *r = bit_run_names_asked(c, m->run, BIT_RUN_READ);
    int err = r == NULL ? 0 : bit_quota_stream(c);

    if (r != NULL && err == 0)
        err = begin_log(c, r, m);
    if (err < 0)
        bit_client_refuse(c, err, "%s", bit_fail_text());
}
