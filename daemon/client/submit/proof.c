#include "daemon/client/submit/proof.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/client/connection/client.h"
#include "daemon/sys/sockets/passed_fds.h"
#include "daemon/sys/user_threads.h"
#include "proto/check.h"
#include "proto/data/sidecar.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"

#define PATH_BYTES  (BIT_PATH_MAX + 32)
#define TAKEN_BYTES 4096 /* of one read; a proof has some hundred */

/* The result of one read of the socket, which the user's thread fills. */
struct taken {
    int fd; /* a copy of the client's socket */
    ssize_t bytes;
    uint8_t room[TAKEN_BYTES];
    struct shown {
        int err; /* 0, -errno, or BIT_EDATA for what is no regular file */
        struct bit_file_id file;
    } shown[BIT_PASSED_FDS_MAX];
    size_t shown_count;
};

struct bit_proof {
    struct bit_client *client; /* meanwhile its connection is read here */
    uv_timer_t timer;
    int handles; /* the timer, and a task on the user's thread */
    const Bit__RunSpec *spec;
    struct bit_file_id *files;
    size_t tokens;                       /* how many of these are token files: bit_spec_shown_path */
    size_t count, at, batch;             /* in all; proven; asked for now */
    struct shown shown[BIT_PROVE_BATCH]; /* files shown for the present batch */
    size_t shown_count;
    bool taking; /* the thread uses `taken` */
    struct taken taken;
    struct bit_user_task job;
    bit_proof_done *done; /* NULL if it was called or must not be */
    void *arg;
};

bool bit_proof_needed(const struct bit_peer *peer)
{
    return peer->uid != geteuid() && peer->uid != 0;
}

static void let_go(struct bit_proof *p)
{
    if (--p->handles > 0)
        return;
    free(p->files);
    free(p);
}

static void on_closed(uv_handle_t *handle)
{
    let_go(handle->data);
}

/* Lets the client's connection be read as before. */
static void give_back(struct bit_proof *p)
{
    uv_os_fd_t fd;

    bit_client_divert(p->client, NULL, NULL);
    if (uv_fileno((const uv_handle_t *)&p->client->pipe, &fd) == 0)
        bit_passed_fds_refuse(fd);
}

void bit_proof_destroy(struct bit_proof *p)
{
    if (p == NULL)
        return;
    if (p->done != NULL)
        give_back(p);
    p->done = NULL;
    uv_close((uv_handle_t *)&p->timer, on_closed);
}

/* While the thread is still reading from the connection, nothing else may: the client then gets its answer and is
 * closed. */
static void finish(struct bit_proof *p, int err)
{
    bit_proof_done *done = p->done;
    struct bit_client *c = p->client;
    bool taking = p->taking;

    uv_timer_stop(&p->timer);
    give_back(p);
    p->done = NULL;
    if (!taking)
        bit_client_read(c, true);
    done(p->arg, err);
    if (taking)
        bit_client_leave(c);
}

/* ---- what the client sent */

/* Only token files must be shown; the others may be missing. */
static bool must_be_there(const struct bit_proof *p, size_t i)
{
    return i < p->tokens;
}

static const char *path_of(const struct bit_proof *p, size_t i, char path[PATH_BYTES])
{
    int shard;

    if (!bit_spec_shown_path(p->spec, i, path, PATH_BYTES, &shard))
        snprintf(path, PATH_BYTES, "a path that is too long");
    return path;
}

static int note_file(struct bit_proof *p, size_t i, const struct shown *shown)
{
    char path[PATH_BYTES];

    path_of(p, i, path);
    if (shown->err == BIT_EDATA && i >= 2 * p->tokens)
        return 0; /* a folder */
    if (shown->err == BIT_EDATA)
        return bit_fail(BIT_EDATA, "%s: no regular file", path);
    if (shown->err < 0)
        return bit_fail(shown->err, "%s: %s", path, strerror(-shown->err));
    p->files[i] = shown->file;
    return 0;
}

/* Whether an error for a file fails the proof. Sidecars may be missing. Every file of model.init_from may be: what the
 * model begins from is decided by what bitd finds there. */
static bool is_missed(const struct bit_proof *p, size_t i, int error)
{
    return must_be_there(p, i) ||
           (i < 2 * p->tokens && error != -ENOENT && error != ENOENT && error != -ENOTDIR && error != ENOTDIR);
}

static int take_reply(struct bit_proof *p, const Bit__ProveAnswer *m)
{
    size_t used = 0;
    int err = 0;
    char path[PATH_BYTES];

    if (m->first != p->at || m->n_error != p->batch)
        return bit_fail(BIT_EMESSAGE, "a proof of other files than were asked for");
    for (size_t i = 0; i < p->batch && err == 0; i++) {
        if (m->error[i] != 0 && is_missed(p, p->at + i, m->error[i]))
            err = bit_fail(BIT_EAUTH, "uid %u may not read %s: %s", p->client->peer.uid, path_of(p, p->at + i, path),
                           strerror(m->error[i] < 0 ? -m->error[i] : m->error[i]));
        else if (m->error[i] != 0)
            continue;
        else if (used == p->shown_count)
            err = bit_fail(BIT_EMESSAGE, "a proof without a descriptor");
        else
            err = note_file(p, p->at + i, &p->shown[used++]);
    }
    if (err == 0 && used != p->shown_count)
        err = bit_fail(BIT_EMESSAGE, "a proof with a descriptor too many");
    p->shown_count = 0;
    return err;
}

static struct shown look_at(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return (struct shown){.err = -errno};
    if (!S_ISREG(st.st_mode))
        return (struct shown){.err = BIT_EDATA};
    return (struct shown){.file = {.device = st.st_dev, .inode = st.st_ino}};
}

/* On the user's thread: how long fstat and close take depends on the client's file system. */
static void take(struct bit_user_task *job)
{
    struct bit_proof *p = job->data;
    struct taken *t = &p->taken;
    int fds[BIT_PASSED_FDS_MAX];

    t->bytes = bit_passed_fds_take(t->fd, t->room, sizeof t->room, fds, &t->shown_count);
    for (size_t i = 0; i < t->shown_count; i++)
        t->shown[i] = look_at(fds[i]);
    for (size_t i = 0; i < t->shown_count; i++)
        close(fds[i]);
    close(t->fd);
}

/* Keeps the files shown until their frame is complete; bitctl never sends more than a batch asks for. */
static int keep_shown(struct bit_proof *p)
{
    if (p->shown_count + p->taken.shown_count > BIT_PROVE_BATCH)
        return bit_fail(BIT_ELIMIT, "too many descriptors");
    for (size_t i = 0; i < p->taken.shown_count; i++)
        p->shown[p->shown_count++] = p->taken.shown[i];
    return 0;
}

static int keep_bytes(struct bit_proof *p)
{
    for (size_t done = 0, bytes; done < (size_t)p->taken.bytes; done += bytes) {
        uint8_t *room;
        int err = bit_frame_reader_reserve(&p->client->reader, &room, &bytes);
        if (err < 0)
            return err;
        bytes = BIT_MIN(bytes, (size_t)p->taken.bytes - done);
        memcpy(room, p->taken.room + done, bytes);
        bit_frame_reader_commit(&p->client->reader, bytes);
    }
    return 0;
}

static int keep_taken(struct bit_proof *p)
{
    ssize_t n = p->taken.bytes;

    if (n == -EAGAIN || n == -EINTR)
        return 0;
    if (n < 0)
        return bit_fail((int)n, "proving: %s", strerror((int)-n));
    if (n == 0)
        return bit_fail(BIT_EAUTH, "the client left before it had proven what it may read");
    int err = keep_shown(p);
    return err < 0 ? err : keep_bytes(p);
}

static int take_frame(struct bit_proof *p, const struct bit_frame *frame)
{
    ProtobufCMessage *msg = NULL;

    if (frame->type != BIT_MSG_PROVE_ANSWER || frame->epoch != 0)
        return bit_fail(BIT_EMESSAGE, "%s instead of a proof", bit_msg_name(frame->type));
    int err = bit_msg_decode(BIT_CHANNEL_CLIENT_REQUEST, frame->type, frame->body, frame->body_bytes, &msg);
    if (err == 0)
        err = take_reply(p, (const Bit__ProveAnswer *)msg);
    bit_msg_free(msg);
    return err;
}

/* ---- asking */

/* Files of one folder share a sidecar, which is asked for once. If model.init_from is a file or one of bitd's
 * checkpoints, its other files are not needed. */
static bool is_wanted(const struct bit_proof *p, size_t i)
{
    const char *from = p->spec->model->init_from;
    const struct bit_file_id *init = &p->files[2 * p->tokens];

    if (i >= 2 * p->tokens + BIT_SPEC_INIT_INDEX &&
        (init[BIT_SPEC_INIT_SELF].inode != 0 || init[BIT_SPEC_INIT_MANIFEST].inode != 0))
        return false;
    if (i >= 2 * p->tokens)
        return from != NULL && from[0] != '\0';
    return i <= p->tokens ||
           !bit_sidecar_is_shared(bit_spec_path(p->spec, i - p->tokens - 1), bit_spec_path(p->spec, i - p->tokens));
}

/* The next batch: wanted files in a row, of one kind. */
static void find_batch(struct bit_proof *p)
{
    while (p->at < p->count && !is_wanted(p, p->at))
        p->at++;
    const size_t kinds[] = {p->tokens, 2 * p->tokens, 2 * p->tokens + BIT_SPEC_INIT_INDEX, p->count};
    size_t end = 0;
    for (size_t i = 0; i < BIT_COUNT(kinds) && end <= p->at; i++)
        end = kinds[i];
    for (p->batch = 0; p->at + p->batch < end && p->batch < BIT_PROVE_BATCH && is_wanted(p, p->at + p->batch);)
        p->batch++;
}

static void share_sidecars(struct bit_proof *p)
{
    for (size_t i = p->tokens + 1; i < 2 * p->tokens; i++)
        if (!is_wanted(p, i))
            p->files[i] = p->files[i - 1];
}

static void ask(struct bit_proof *p)
{
    Bit__ProveCall m = BIT__PROVE_CALL__INIT;

    m.first = p->at;
    m.count = (uint32_t)p->batch;
    uv_timer_again(&p->timer);
    bit_client_send(p->client, BIT_MSG_PROVE_CALL, &m);
}

static void go_on(struct bit_proof *p)
{
    struct bit_frame frame;
    int err = keep_taken(p);

    if (err == 0)
        err = bit_frame_reader_next(&p->client->reader, &frame);
    if (err > 0) {
        err = take_frame(p, &frame);
        p->at += err == 0 ? p->batch : 0;
        find_batch(p);
        if (err == 0 && p->at < p->count) {
            ask(p);
            return;
        }
        share_sidecars(p);
        finish(p, err);
    } else if (err < 0) {
        finish(p, err);
    }
}

static void on_taken(struct bit_user_task *job)
{
    struct bit_proof *p = job->data;

    p->taking = false;
    if (p->done != NULL) {
        bit_client_read(p->client, true);
        go_on(p);
    }
    let_go(p);
}

/* Data has arrived: the user's thread reads it, and closes the descriptors in it. */
static void on_arrived(void *arg)
{
    struct bit_proof *p = arg;
    uv_os_fd_t fd;
    int err = uv_fileno((const uv_handle_t *)&p->client->pipe, &fd);

    p->taken.fd = err < 0 ? err : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (p->taken.fd < 0) {
        finish(p, bit_fail(err < 0 ? err : -errno, "proving"));
        return;
    }
    bit_client_read(p->client, false);
    p->taking = true;
    p->handles++;
    p->job = (struct bit_user_task){.uid = p->client->peer.uid, .data = p, .work = take, .done = on_taken};
    bit_user_threads_start(p->client->all->user_threads, &p->job);
}

static void on_late(uv_timer_t *timer)
{
    finish(timer->data, bit_fail(BIT_ETIMEOUT, "the client did not prove what it may read in time"));
}

int bit_proof_start(struct bit_client *c, const Bit__RunSpec *spec, bit_proof_done *done, void *arg,
                    struct bit_proof **out)
{
    uint64_t wait_ms = c->all->env->config->client_ms;
    struct bit_proof *p = calloc(1, sizeof *p);

    if (p == NULL)
        return bit_fail(-ENOMEM, "a proof");
    *p = (struct bit_proof){.client = c, .spec = spec, .done = done, .arg = arg, .handles = 1};
    p->tokens = bit_spec_paths(spec);
    p->count = 2 * p->tokens + BIT_SPEC_INIT_FILES;
    p->files = calloc(p->count + 1, sizeof *p->files);
    uv_os_fd_t fd;
    int err = p->files == NULL ? bit_fail(-ENOMEM, "a proof of %zu files", p->count)
                               : uv_fileno((const uv_handle_t *)&c->pipe, &fd);
    if (err < 0) {
        free(p->files);
        free(p);
        return err;
    }
    uv_timer_init(c->pipe.loop, &p->timer);
    p->timer.data = p;
    uv_timer_start(&p->timer, on_late, wait_ms, wait_ms);
    bit_passed_fds_allow(fd);
    bit_client_divert(c, on_arrived, p);
    *out = p;
    find_batch(p);
    ask(p); /* a valid spec names at least one file */
    return 0;
}

const struct bit_file_id *bit_proof_files(const struct bit_proof *p, size_t *count)
{
    *count = p->tokens;
    return p->files;
}

const struct bit_file_id *bit_proof_sidecars(const struct bit_proof *p)
{
    return p->files + p->tokens;
}

const struct bit_file_id *bit_proof_init(const struct bit_proof *p)
{
    return p->files + 2 * p->tokens;
}

int bit_proof_check(const struct bit_proof *p)
{
    for (size_t i = 0; i < p->tokens; i++) {
        const char *path = bit_spec_path(p->spec, i);
        struct stat st;
        if (stat(path, &st) < 0)
            return bit_fail(-errno, "%s: %s", path, strerror(errno));
        if (st.st_dev != p->files[i].device || st.st_ino != p->files[i].inode)
            return bit_fail(BIT_EAUTH, "%s: bitd opens another file at this path than the submitter did", path);
    }
    return 0;
}
