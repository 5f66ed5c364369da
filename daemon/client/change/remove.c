#include "daemon/client/change/remove.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/client/change/depends.h"
#include "daemon/client/connection/access.h"
#include "daemon/client/connection/run_names.h"
#include "daemon/client/stream/stream.h"
#include "daemon/store/retention/removal.h"
#include "daemon/store/runs/runs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("remove");

#define WHY_MAX 160

/* A request in progress. */
struct bit_remove {
    struct bit_client *client; /* NULL: gone */
    char id[BIT_RUN_ID_MAX], note[WHY_MAX];
    bool dry_run;
};

void bit_remove_forget(struct bit_remove *p)
{
    if (p != NULL)
        p->client = NULL;
}

static struct bit_remove *make(struct bit_client *c)
{
    struct bit_remove *p = calloc(1, sizeof *p);

    if (p != NULL) {
        p->client = c;
        c->remove = p;
    }
    return p;
}

static void finish(struct bit_remove *p)
{
    if (p->client != NULL)
        p->client->remove = NULL;
    free(p);
}

static void answer(struct bit_client *c, char *id, const uint64_t *bytes, bool dry_run, char *text)
{
    Bit__RemovedReply m = BIT__REMOVED_REPLY__INIT;

    m.run = id;
    m.has_bytes = bytes != NULL;
    m.bytes = bytes != NULL ? *bytes : 0;
    m.has_dry_run = m.dry_run = dry_run;
    m.text = text[0] != '\0' ? text : NULL;
    bit_client_send(c, BIT_MSG_REMOVED_REPLY, &m);
    bit_client_end(c);
}

static void on_ended(void *arg, const struct bit_removal_done *done)
{
    struct bit_remove *p = arg;
    struct bit_client *c = p->client;

    if (c != NULL && done->err < 0 && done->renamed)
        bit_client_refuse(c, done->err,
                          "%s is no run any more; its remaining files are removed when bitd starts "
                          "again: %s",
                          p->id, done->text);
    else if (c != NULL && done->err < 0)
        bit_client_refuse(c, done->err, "%s", done->text);
    else if (c != NULL)
        answer(c, p->id, &done->bytes, p->dry_run, p->note);
    finish(p);
}

static bool is_not_missed(struct bit_client *c, const struct bit_runner *r, bool with_sweep)
{
    struct bit_depends depends;
    char why[WHY_MAX];
    int err = bit_depends_init(&depends, r->runs);

    if (with_sweep)
        depends.but = r->run.sweep;
    bool missed = err == 0 && bit_depends_misses(&depends, r, why, sizeof why);

    bit_depends_finish(&depends);
    if (err < 0)
        bit_client_refuse(c, err, "%s", bit_fail_text());
    else if (missed)
        bit_client_refuse(c, BIT_ESTATE, "%s is kept: %s; --force removes it anyway", r->run.id, why);
    return err == 0 && !missed;
}

static bool may_remove(struct bit_client *c, const struct bit_runner *r, const Bit__RemoveRequest *m)
{
    if (bit_access_check(&c->peer, &r->run, BIT_VERB_REMOVE) < 0)
        bit_client_refuse(c, BIT_EAUTH, "%s", bit_fail_text());
    else if (!r->corrupt && !bit_run_ended(&r->run))
        bit_client_refuse(c, BIT_ESTATE, "%s is %s: `bitctl cancel %s` ends it first", r->run.id,
                          bit_run_state_name(r->run.state), r->run.id);
    else if (r->job != NULL)
        bit_client_refuse(c, BIT_EBUSY, "%s has ended, but its processes are still running: try again in a moment",
                          r->run.id);
    else
        return (m->has_force && m->force) || is_not_missed(c, r, m->has_with_sweep && m->with_sweep);
    return false;
}

/* Ends the streams from the run and the waits for it with an error. */
static void end_readers(struct bit_clients *all, const struct bit_runner *r)
{
    for (struct bit_client *c = all->first; c != NULL; c = c->next) {
        const bool waits = c->wait.kind != BIT_WAIT_NONE && c->wait.runner == r;
        const bool reads = c->stream != NULL && bit_stream_runner(c->stream) == r;
        if (reads)
            bit_stream_destroy(c->stream);
        if (reads)
            c->stream = NULL;
        if (waits)
            c->wait.kind = BIT_WAIT_NONE;
        if (waits || reads)
            bit_client_refuse(c, BIT_ENORUN, "%s is being removed", r->run.id);
    }
}

static void begin(struct bit_client *c, struct bit_runner *r, const Bit__RemoveRequest *m)
{
    struct bit_remove *p = make(c);
    char list[96];

    if (p == NULL) {
        bit_client_refuse(c, -ENOMEM, "the removal of %s", r->run.id);
        return;
    }
    snprintf(p->id, sizeof p->id, "%s", r->run.id);
    p->dry_run = m->has_dry_run && m->dry_run;
    if (bit_depends_list(r, "", BIT_DEPENDS_EVER, list, sizeof list) > 0)
        snprintf(p->note, sizeof p->note, "%s began from it", list);
    if (!p->dry_run)
        bit_info("asked", "run=%s verb=rm uid=%u", r->run.id, c->peer.uid);
    int err = bit_removal_start(r, m->request_id, p->dry_run, on_ended, p);
    if (err < 0) {
        bit_client_refuse(c, err, "%s", bit_fail_text());
        finish(p);
    } else if (!p->dry_run) {
        end_readers(c->all, r);
    }
}

void bit_remove_asked(struct bit_client *c, const Bit__RemoveRequest *m)
{
    char id[BIT_RUN_ID_MAX];

    if (!bit_removal_may_ask(m->request_id)) {
        bit_client_refuse(c, BIT_EMESSAGE, "a request id has 1 to %d letters, digits, '-' and '_'", BIT_REQUEST_ID_MAX);
        return;
    }
    if (bit_removal_find(c->all->runs, m->request_id, id)) { /* a repeated request: done already */
        answer(c, id, NULL, false, bit_lend(""));
        return;
    }
    struct bit_runner *r = bit_run_names_asked(c, m->run, BIT_RUN_REMOVE);
    if (r != NULL && may_remove(c, r, m))
        begin(c, r, m);
}
