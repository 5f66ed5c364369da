#include "daemon/client/stream.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/client/quota.h"
#include "daemon/client/stream_portion.h"
#include "daemon/client/stream_queue.h"
#include "daemon/daemon.h"
#include "daemon/store/runner.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/wire/msg.h"

#define SHORT_MAX 3 /* times that a journal ends before it should, for no reason that we know */

enum kind { EVENTS, LOG, LINES }; /* LINES: a log whose last lines are looked for, and then a LOG */

struct bit_tail {
    struct bit_client *client;
    struct bit_runner *runner;
    enum kind kind;
    bool follow;
    int fd; /* -1 while there is no log */
    struct bit_portion portion;
    struct bit_turn turn;
    bool reading, dead; /* the portion is the pool's; dead: freed when it comes back */
    int result;         /* of the portion */
    unsigned cut_short;
    bool settled;         /* when the portion was begun nothing more was to come in this log */
    bool look;            /* at the log: something may have been written */
    uv_fs_event_t change; /* of the log */
    bool watching;        /* change has to be closed */
};

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void release(struct bit_tail *t)
{
    if (t->fd >= 0)
        close(t->fd);
    free(t->portion.frames);
    if (t->watching)
        uv_close((uv_handle_t *)&t->change, on_closed);
    else
        free(t);
}

void bit_tail_destroy(struct bit_tail *t)
{
    if (t == NULL)
        return;
    t->dead = true;
    if (!t->reading || bit_turns_cancel(&t->client->server->turns, &t->turn))
        release(t);
}

struct bit_runner *bit_tail_runner(const struct bit_tail *t)
{
    return t->runner;
}

static void make_portion(struct bit_turn *turn)
{
    static int (*const make[])(struct bit_portion * p) = {
        [EVENTS] = bit_portion_events, [LOG] = bit_portion_log, [LINES] = bit_portion_lines};
    struct bit_tail *t = turn->data;
    t->result = make[t->kind](&t->portion);
}

static void on_portion(struct bit_turn *turn);

static struct bit_tail *new_tail(struct bit_client *c, struct bit_runner *r, enum kind kind, bool follow)
{
    struct bit_tail *t = calloc(1, sizeof *t);
    if (t == NULL) {
        bit_fail(-ENOMEM, "a stream");
        return NULL;
    }
    t->client = c;
    t->runner = r;
    t->kind = kind;
    t->fd = -1;
    t->follow = follow;
    t->portion.end = UINT64_MAX;
    t->turn = (struct bit_turn){.work = make_portion, .done = on_portion, .data = t};
    return t;
}

static int open_below(const struct bit_runner *r, const char *name)
{
    char *path = bit_runner_path(r, name);
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    int err = fd >= 0 ? fd : bit_fail(-errno, "%s: %s", path ? path : name, strerror(errno));
    free(path);
    return err;
}

/* ---------------------------------------------------------------- logs */

static void on_change(uv_fs_event_t *handle, const char *name, int events, int status)
{
    struct bit_tail *t = handle->data;
    t->look = true;
    bit_tail_pump(t);
}

static void watch_log(struct bit_tail *t, const char *name)
{
    char *path = bit_runner_path(t->runner, name);
    if (!t->follow || path == NULL) {
        free(path);
        return;
    }
    if (!t->watching)
        uv_fs_event_init(&t->runner->daemon->loop, &t->change);
    t->change.data = t;
    t->watching = true;
    uv_fs_event_stop(&t->change);
    uv_fs_event_start(&t->change, on_change, path, 0);
    free(path);
}

static int open_log(struct bit_tail *t, uint32_t attempt)
{
    char name[64];
    snprintf(name, sizeof name, "logs/worker-%u.log", attempt);
    int fd = open_below(t->runner, name);
    if (fd < 0)
        return fd;
    if (t->fd >= 0)
        close(t->fd);
    t->fd = t->portion.fd = fd;
    t->portion.attempt = attempt;
    t->portion.offset = 0;
    t->look = true;
    watch_log(t, name);
    return 0;
}

static bool is_over(const struct bit_tail *t)
{
    return !t->follow ||
           (bit_run_ended(&t->runner->run) && t->runner->job == NULL && !bit_runner_is_blocked(t->runner));
}

/* The next attempt has begun, or there will be none. */
static bool is_settled(const struct bit_tail *t)
{
    return is_over(t) || t->portion.attempt < t->runner->run.attempt;
}

/* The log of the next attempt, from its beginning. */
static bool next_log(struct bit_tail *t)
{
    bool next = t->follow && t->portion.attempt < t->runner->run.attempt;
    return next && open_log(t, t->portion.attempt + 1) == 0;
}

static bool has_log(struct bit_tail *t)
{
    return (t->fd >= 0 || next_log(t)) && (t->look || is_settled(t));
}

static void found_lines(struct bit_tail *t)
{
    t->kind = LOG;
    t->portion.end = UINT64_MAX;
    t->look = true;
}

/* ---------------------------------------------------------------- events */

/* What lies behind the journal's own end is being written, or will be taken back. A damaged one has no such end. */
static bool has_events(struct bit_tail *t)
{
    struct bit_portion *p = &t->portion;
    const struct bit_index *x = &t->runner->journal.index;
    if (t->runner->corrupt)
        return true;
    p->end = t->runner->journal.bytes;
    if (p->steps)
        return p->offset < p->end;
    return bit_index_find(x, p->after) < x->count;
}

static void pick_events(struct bit_tail *t)
{
    struct bit_portion *p = &t->portion;
    const struct bit_index *x = &t->runner->journal.index;
    size_t first = bit_index_find(x, p->after);
    p->picked_count = BIT_MIN(x->count - first, (size_t)BIT_PORTION_PICKS);
    memcpy(p->picked, x->entry + first, p->picked_count * sizeof p->picked[0]);
}

static void note_picked(struct bit_portion *p)
{
    for (size_t i = 0; i < p->picked_count && p->picked[i].offset < p->offset; i++)
        p->after = p->picked[i].seq;
}

/* ---------------------------------------------------------------- both */

static void end_stream(struct bit_tail *t, int err)
{
    struct bit_client *c = t->client;
    c->tail = NULL;
    t->dead = true;
    if (err < 0) {
        bit_client_refuse(c, err, "%s", t->portion.text);
    } else {
        Bit__EndReply m = BIT__END_REPLY__INIT;
        bit_client_send(c, BIT_MSG_END_REPLY, &m);
        bit_client_end(c);
    }
    release(t);
}

static void begin_portion(struct bit_tail *t)
{
    t->reading = true;
    t->settled = is_settled(t);
    t->look = false;
    t->portion.frames = NULL;
    t->portion.frame_bytes = t->portion.frame_room = 0;
    if (t->kind == EVENTS && !t->portion.steps && !t->runner->corrupt)
        pick_events(t);
    bit_turns_take(&t->client->server->turns, &t->turn);
}

void bit_tail_pump(struct bit_tail *t)
{
    if (t->reading || t->dead || !bit_quota_has_room(t->client))
        return;
    if (t->kind == EVENTS ? has_events(t) : has_log(t))
        begin_portion(t);
    else if (is_over(t))
        end_stream(t, 0);
}

/* A journal that a failed sync cut off is written anew, and then the run has changed. */
static bool goes_on_short(struct bit_tail *t)
{
    if (bit_runner_is_blocked(t->runner))
        return t->follow;
    if (++t->cut_short < SHORT_MAX) {
        begin_portion(t);
        return true;
    }
    bit_format(t->portion.text, sizeof t->portion.text, "the journal of %s ends at byte %" PRIu64 ", before it should",
               t->runner->run.id, t->portion.offset);
    t->result = BIT_ECORRUPT;
    return false;
}

/* Nothing was there. A log's end counts if nothing could be written any more when it was looked at. */
static void at_end(struct bit_tail *t)
{
    if (t->kind == LINES)
        found_lines(t);
    else if (t->kind == EVENTS && t->runner->corrupt)
        end_stream(t, 0);
    else if (t->kind == EVENTS && goes_on_short(t))
        return;
    else if (t->kind == EVENTS || (t->settled && !next_log(t) && is_over(t)))
        end_stream(t, t->result);
    else
        t->look = t->look || is_settled(t) != t->settled;
}

static void send_portion(struct bit_tail *t)
{
    uint8_t *frames = t->portion.frames;
    size_t bytes = t->portion.frame_bytes;
    t->portion.frames = NULL;
    t->cut_short = t->result > 0 ? 0 : t->cut_short;
    note_picked(&t->portion);
    if (bytes > 0)
        bit_client_send_frames(t->client, frames, bytes);
    else
        free(frames);
}

static void on_portion(struct bit_turn *turn)
{
    struct bit_tail *t = turn->data;
    struct bit_client *c = t->client;
    t->reading = false;
    if (t->dead) {
        release(t);
        return;
    }
    send_portion(t);
    if (c->tail != t) /* it was dropped, and with it this */
        return;
    if (t->result > 0)
        t->look = true;
    else if (t->result < 0)
        end_stream(t, t->result);
    else
        at_end(t);
    if (c->tail == t && (t->result > 0 || t->look))
        bit_tail_pump(t);
}

int bit_tail_events(struct bit_client *c, struct bit_runner *r, const Bit__EventsRequest *request)
{
    struct bit_tail *t = new_tail(c, r, EVENTS, request->has_follow && request->follow);
    if (t == NULL)
        return -ENOMEM;
    t->portion.after = request->has_after ? request->after : 0;
    t->portion.steps = request->has_steps && request->steps;
    t->portion.offset = bit_index_offset(&r->journal.index, t->portion.after);
    t->fd = t->portion.fd = open_below(r, "journal");
    if (t->fd < 0) {
        int err = t->fd;
        release(t);
        return err;
    }
    c->tail = t;
    bit_tail_pump(t);
    return 0;
}

/* From a byte, from the last lines, or from the beginning. */
static void begin_log(struct bit_tail *t, const Bit__LogRequest *request)
{
    struct stat st;
    if (t->fd < 0 || (!request->has_offset && !request->has_tail_lines))
        return;
    uint64_t size = fstat(t->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    t->portion.offset = request->has_offset ? request->offset : size;
    if (request->has_offset || request->tail_lines == 0)
        return;
    t->kind = LINES;
    t->portion.lines = request->tail_lines;
    t->portion.end = size;
}

int bit_tail_log(struct bit_client *c, struct bit_runner *r, const Bit__LogRequest *request)
{
    struct bit_tail *t = new_tail(c, r, LOG, request->has_follow && request->follow);
    if (t == NULL)
        return -ENOMEM;
    uint32_t attempt = request->has_attempt && request->attempt > 0 ? request->attempt : r->run.attempt;
    int err = attempt == 0 ? 0 : open_log(t, attempt); /* 0: nothing was launched yet */
    if (err < 0) {
        release(t);
        return err;
    }
    begin_log(t, request);
    if (request->has_attempt && request->attempt > 0 && attempt < r->run.attempt && !request->has_offset)
        t->follow = false; /* it has ended, and one attempt was asked for */
    c->tail = t;
    bit_tail_pump(t);
    return 0;
}
