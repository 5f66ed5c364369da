#include "daemon/client/server.h"

#include <stdio.h>
#include <string.h>

#include "daemon/client/change/prune.h"
#include "daemon/client/change/remove.h"
#include "daemon/client/change/resumption.h"
#include "daemon/client/connection/quota.h"
#include "daemon/client/query/wait.h"
#include "daemon/client/request.h"
#include "daemon/client/stream/stream.h"
#include "daemon/client/submit/submit.h"
#include "daemon/client/sweep/sweep_change.h"
#include "daemon/store/runs/runner.h"
#include "daemon/sys/sockets/activate.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("server");

/* ---- callbacks of a client */

/* Requests with specifications may be longer than BIT_REQUEST_BODY_MAX. */
static bool may_be_long(uint16_t type)
{
    return type == BIT_MSG_SUBMIT_REQUEST || type == BIT_MSG_SWEEP_REQUEST;
}

static int on_frame(struct bit_client *c, const struct bit_frame *frame)
{
    ProtobufCMessage *msg = NULL;

    if (frame->epoch != 0)
        return bit_fail(BIT_EFRAME, "a request with a run's epoch");
    if (c->busy)
        return bit_fail(BIT_EBUSY, "a second request before the first was answered");
    if (!may_be_long(frame->type) && frame->body_bytes > BIT_REQUEST_BODY_MAX) {
        bit_client_refuse(c, BIT_ELIMIT, "a %s of %u bytes, and it may have %u", bit_msg_name(frame->type),
                          frame->body_bytes, BIT_REQUEST_BODY_MAX);
        return 0;
    }
    int err = bit_msg_decode(BIT_CHANNEL_CLIENT_REQUEST, frame->type, frame->body, frame->body_bytes, &msg);
    if (err < 0) {
        bit_client_refuse(c, err, "%s", bit_fail_text());
        return 0;
    }
    c->busy = true;
    err = bit_quota_ask(c);
    if (err < 0)
        bit_client_refuse(c, err, "%s", bit_fail_text());
    else
        bit_request_handle(c, frame->type, msg);
    bit_msg_free(msg);
    return 0;
}

static void on_sent(struct bit_client *c)
{
    if (c->stream != NULL)
        bit_stream_pump(c->stream);
}

static void on_stuck(struct bit_client *c)
{
    bit_stream_destroy(c->stream);
    c->stream = NULL;
}

static void on_gone(struct bit_client *c)
{
    c->wait.kind = BIT_WAIT_NONE;
    c->sweep_wait.id[0] = '\0';
    bit_stream_destroy(c->stream);
    c->stream = NULL;
    bit_submission_forget(c->submission);
    c->submission = NULL;
    bit_resumption_forget(c->resumption);
    c->resumption = NULL;
    bit_remove_forget(c->remove);
    c->remove = NULL;
    bit_prune_forget(c->prune);
    c->prune = NULL;
}

static const struct bit_client_ops client_ops = {on_frame, on_sent, on_stuck, on_gone};

/* ---- connections */

/* At a limit an idle connection is closed to make room; without one the new connection is refused. */
static int admit(struct bit_client *c)
{
    struct bit_client *leaver = NULL;
    int err = bit_quota_connect(c, &leaver);

    if (leaver != NULL)
        bit_client_close(leaver);
    return err;
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct bit_server *s = stream->data;
    struct bit_client *c = status < 0 ? NULL : bit_client_create(&s->clients, stream);

    if (c == NULL)
        return;
    int err = bit_client_accept(c, stream);
    if (err == 0)
        err = bit_access_admit(&s->access, &c->pipe, &c->peer);
    if (err < 0)
        bit_client_drop(c, bit_fail_text());
    else if (admit(c) < 0)
        bit_client_turn_away(c, bit_fail_text());
    else
        bit_client_read(c, true);
}

/* On the service manager's socket if it passed one, else on one of bitd's own. */
static int open_usual(struct bit_server *s, const struct bit_env *env)
{
    int fd = bit_activate_socket();

    if (fd == -1)
        return bit_listener_open(&s->usual, env->config->socket);
    return fd < 0 ? fd : bit_listener_take(&s->usual, env->config->socket, fd);
}

/* The socket in the state folder does not depend on a login session. If the file system has no sockets, bitd runs
 * without it. */
static void open_second(struct bit_server *s, const struct bit_env *env)
{
    char path[sizeof s->second.place.path];

    snprintf(path, sizeof path, "%s/bitd.sock", env->config->state);
    if (strcmp(path, env->config->socket) != 0 && !bit_listener_is_at(&s->usual, path) &&
        bit_listener_open(&s->second, path) < 0)
        bit_warn("no socket in the state folder", "text=%s", bit_fail_text());
}

static int open_sockets(struct bit_server *s, const struct bit_env *env)
{
    const gid_t gid = s->access.group;
    const struct bit_listener as = {.place.loop = env->loop,
                                    .mode = gid == (gid_t)-1 ? 0600 : 0660,
                                    .gid = gid,
                                    .on_connection = on_connection,
                                    .data = s};

    s->usual = s->second = as;
    int err = open_usual(s, env);
    if (err == 0)
        open_second(s, env);
    return err;
}

int bit_server_listen(struct bit_server *s, const struct bit_env *env, struct bit_runs *runs, struct bit_sweeps *sweeps,
                      struct bit_user_threads *user_threads)
{
    *s = (struct bit_server){
        .clients = {.ops = &client_ops, .env = env, .runs = runs, .sweeps = sweeps, .user_threads = user_threads}};
    bit_stream_queue_init(&s->clients.stream_queue, env->loop);
    int err = bit_access_init(&s->access, env->config);
    if (err == 0)
        err = open_sockets(s, env);
    s->clients.listeners[0] = &s->usual;
    s->clients.listeners[1] = &s->second;
    return err;
}

void bit_server_close(struct bit_server *s)
{
    for (struct bit_client *c = s->clients.first; c != NULL; c = c->next)
        bit_client_close(c);
    bit_listener_close(&s->usual);
    bit_listener_close(&s->second);
}

void bit_server_look(struct bit_server *s)
{
    bit_listener_look(&s->usual);
    bit_listener_look(&s->second);
}

void bit_server_sweep_changed(struct bit_server *s, const char *sweep)
{
    struct bit_client *next;

    for (struct bit_client *c = s->clients.first; c != NULL; c = next) {
        next = c->next;
        if (c->sweep_wait.id[0] != '\0' && strcmp(c->sweep_wait.id, sweep) == 0)
            bit_sweep_change_look(c);
    }
}

void bit_server_changed(struct bit_server *s, struct bit_runner *r)
{
    struct bit_client *next;

    for (struct bit_client *c = s->clients.first; c != NULL; c = next) {
        next = c->next;
        if (c->wait.kind != BIT_WAIT_NONE && c->wait.runner == r)
            bit_wait_look(c);
        else if (c->stream != NULL && bit_stream_runner(c->stream) == r)
            bit_stream_pump(c->stream);
    }
    if (r->run.sweep[0] != '\0')
        bit_server_sweep_changed(s, r->run.sweep);
}
