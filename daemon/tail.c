#include "daemon/tail.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/runner.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/msg.h"

#define QUEUED_MAX  (256u << 10) /* to a client that reads slowly; the rest stays in the file */
#define BUFFER_MAX  (BIT_JOURNAL_RECORD_MAX + BIT_JOURNAL_HEADER_BYTES)
#define LINES_BLOCK 4096

struct bit_tail {
    struct bit_client *client;
    struct bit_runner *runner;
    int fd; /* -1 while there is no log */
    uint64_t offset;
    bool follow, is_log;
    uint64_t after; /* events up to this one are left out */
    bool steps;
    uint32_t attempt;     /* whose log */
    uv_fs_event_t change; /* of the log */
    bool watching;        /* change has to be closed */
    bool pumping, dead;   /* freed when the pump comes back */
    uint8_t buf[BUFFER_MAX];
};

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void release(struct bit_tail *t)
{
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
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
    if (!t->pumping)
        release(t);
}

struct bit_runner *bit_tail_runner(const struct bit_tail *t)
{
    return t->runner;
}

static struct bit_tail *new_tail(struct bit_client *c, struct bit_runner *r, bool follow)
{
    struct bit_tail *t = calloc(1, sizeof *t);
    if (t == NULL) {
        bit_fail(-ENOMEM, "a stream");
        return NULL;
    }
    t->client = c;
    t->runner = r;
    t->fd = -1;
    t->follow = follow;
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

/* ---------------------------------------------------------------- events */

/* Steps only where they were asked for, or where something was wrong with one. */
static bool wanted(const struct bit_tail *t, const Bit__JournalRecord *record)
{
    bool plain = record->what_case == BIT__JOURNAL_RECORD__WHAT_STEP && record->step->n_anomaly == 0;
    return record->seq > t->after && (t->steps || !plain);
}

/* 1: one record further, 0: at the end, < 0: the journal cannot be read on. */
static int send_event(struct bit_tail *t)
{
    Bit__JournalRecord *record = NULL;
    if (!t->runner->corrupt && t->offset >= t->runner->journal.bytes)
        return 0; /* what lies behind is being written, or will be taken back */
    ssize_t n = pread(t->fd, t->buf, sizeof t->buf, (off_t)t->offset);
    int64_t took = n <= 0 ? 0 : bit_journal_decode(t->buf, (size_t)n, &record);
    if (took <= 0)
        return (int)took;
    t->offset += (uint64_t)took;
    if (wanted(t, record)) {
        Bit__EventReply m = BIT__EVENT_REPLY__INIT;
        m.record = record;
        bit_client_send(t->client, BIT_MSG_EVENT_REPLY, &m);
    }
    bit_msg_free(record);
    return 1;
}

/* ---------------------------------------------------------------- logs */

static void on_change(uv_fs_event_t *handle, const char *name, int events, int status)
{
    bit_tail_pump(handle->data);
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
    t->fd = fd;
    t->attempt = attempt;
    t->offset = 0;
    watch_log(t, name);
    return 0;
}

static int send_text(struct bit_tail *t)
{
    ssize_t n = t->fd < 0 ? 0 : pread(t->fd, t->buf, sizeof t->buf, (off_t)t->offset);
    if (n > 0) {
        Bit__LogReply m = BIT__LOG_REPLY__INIT;
        m.text = (ProtobufCBinaryData){.len = (size_t)n, .data = t->buf};
        t->offset += (uint64_t)n;
        m.has_attempt = m.has_offset = true;
        m.attempt = t->attempt;
        m.offset = t->offset;
        bit_client_send(t->client, BIT_MSG_LOG_REPLY, &m);
        return 1;
    }
    if (n < 0)
        return bit_fail(-errno, "the log: %s", strerror(errno));
    if (!t->follow || t->attempt >= t->runner->run.attempt)
        return 0;
    return open_log(t, t->attempt + 1) == 0; /* the next attempt has begun, and this one has been read to its end */
}

/* Where the last `lines` lines begin; a newline at the very end closes the last one. */
static uint64_t find_lines(int fd, uint64_t lines)
{
    char block[LINES_BLOCK];
    struct stat st;
    if (fstat(fd, &st) < 0 || st.st_size == 0)
        return 0;
    uint64_t at = (uint64_t)st.st_size, found = 0;
    while (at > 0) {
        size_t bytes = BIT_MIN(at, (uint64_t)sizeof block);
        at -= bytes;
        if (pread(fd, block, bytes, (off_t)at) != (ssize_t)bytes)
            return 0;
        for (size_t i = bytes; i-- > 0;)
            if (block[i] == '\n' && at + i + 1 != (uint64_t)st.st_size && ++found == lines)
                return at + i + 1;
    }
    return 0;
}

/* ---------------------------------------------------------------- both */

static bool is_over(const struct bit_tail *t)
{
    return !t->follow ||
           (bit_run_ended(&t->runner->run) && t->runner->job == NULL && !bit_runner_is_blocked(t->runner));
}

static void end_stream(struct bit_tail *t, int err)
{
    struct bit_client *c = t->client;
    c->tail = NULL;
    t->dead = true;
    if (err < 0) {
        bit_client_refuse(c, err, "%s", bit_fail_text());
        return;
    }
    Bit__EndReply m = BIT__END_REPLY__INIT;
    bit_client_send(c, BIT_MSG_END_REPLY, &m);
    bit_client_end(c);
}

void bit_tail_pump(struct bit_tail *t)
{
    int more = 1;
    if (t->pumping || t->dead)
        return;
    t->pumping = true;
    while (!t->dead && more > 0 && bit_client_queued(t->client) < QUEUED_MAX)
        more = t->is_log ? send_text(t) : send_event(t);
    if (!t->dead && (more < 0 || (more == 0 && is_over(t))))
        end_stream(t, more);
    t->pumping = false;
    if (t->dead)
        release(t);
}

int bit_tail_events(struct bit_client *c, struct bit_runner *r, const Bit__EventsRequest *request)
{
    struct bit_tail *t = new_tail(c, r, request->has_follow && request->follow);
    if (t == NULL)
        return -ENOMEM;
    t->after = request->has_after ? request->after : 0;
    t->steps = request->has_steps && request->steps;
    t->fd = open_below(r, "journal");
    if (t->fd < 0) {
        int err = t->fd;
        release(t);
        return err;
    }
    c->tail = t;
    bit_tail_pump(t);
    return 0;
}

int bit_tail_log(struct bit_client *c, struct bit_runner *r, const Bit__LogRequest *request)
{
    struct bit_tail *t = new_tail(c, r, request->has_follow && request->follow);
    if (t == NULL)
        return -ENOMEM;
    t->is_log = true;
    uint32_t attempt = request->has_attempt && request->attempt > 0 ? request->attempt : r->run.attempt;
    int err = attempt == 0 ? 0 : open_log(t, attempt); /* 0: nothing was launched yet */
    if (err < 0) {
        release(t);
        return err;
    }
    if (t->fd >= 0 && request->has_offset)
        t->offset = request->offset;
    else if (t->fd >= 0 && request->has_tail_lines)
        t->offset = request->tail_lines > 0 ? find_lines(t->fd, request->tail_lines) : UINT64_MAX;
    if (t->offset == UINT64_MAX)
        t->offset = (uint64_t)lseek(t->fd, 0, SEEK_END);
    if (request->has_attempt && request->attempt > 0 && attempt < r->run.attempt && !request->has_offset)
        t->follow = false; /* it has ended, and one attempt was asked for */
    c->tail = t;
    bit_tail_pump(t);
    return 0;
}
