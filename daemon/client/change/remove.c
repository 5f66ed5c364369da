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
#include "daemon/store/retention/sweep_waits.h"
#include "daemon/store/runs/runs.h"
#include "daemon/sys/fileio.h"
#include "daemon/sys/walltime.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("remove");

#define PRUNED_MAX 2048 /* runs in one answer, the oldest */
#define WHY_MAX    160

/* A request in progress: the thread pool reads or removes folders. */
struct bit_remove {
    uv_work_t work;
    struct bit_client *client; /* NULL: gone */
    char id[BIT_RUN_ID_MAX], note[WHY_MAX];
    bool dry_run;
    struct pruned *pruned;
    size_t count;
};

struct pruned {
    char id[BIT_RUN_ID_MAX], name[BIT_NAME_MAX + 1], spared[WHY_MAX], *dir;
    Bit__RunState state;
    uint32_t uid;
    uint64_t ended_ns, bytes;
};

/* How many ended runs each user has. */
struct users {
    struct {
        uint32_t uid, ended;
    } * user;
    size_t count;
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
    for (size_t i = 0; i < p->count; i++)
        free(p->pruned[i].dir);
    free(p->pruned);
    free(p);
}

/* ---- why a run should stay */

static bool list_pins(const struct bit_run *run, char *out, size_t room)
{
    unsigned pinned = 0;
    const char *first = NULL;

    for (size_t i = 0; i < run->checkpoints.count; i++)
        if (run->checkpoints.list[i].pinned && pinned++ == 0)
            first = run->checkpoints.list[i].name;
    if (pinned == 1)
        snprintf(out, room, "%s of it is pinned", first);
    else if (pinned > 1)
        snprintf(out, room, "%u of its checkpoints are pinned", pinned);
    return pinned > 0;
}

/* Whether the run should stay, with the reason in `out`: "step-00000008 of it is pinned". */
static bool is_missed(const struct bit_depends *d, const struct bit_runner *r, char *out, size_t room)
{
    char list[96];

    if (list_pins(&r->run, out, room))
        return true;
    const char *branch = bit_sweep_waits_find(r, 0);
    if (branch != NULL) {
        bit_format(out, room, "branch '%s' of %s is still to begin from it", branch, r->run.sweep);
        return true;
    }
    if (bit_depends_of(d, r, "", BIT_DEPENDS_NEEDS, list, sizeof list) == 0)
        return false;
    snprintf(out, room, "%s begins from it", list);
    return true;
}

/* ---- removing a run */

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
    bool missed = err == 0 && is_missed(&depends, r, why, sizeof why);

    bit_depends_finish(&depends);
    if (err < 0)
        bit_client_refuse(c, err, "%s", bit_fail_text());
    else if (missed)
        bit_client_refuse(c, BIT_ESTATE, "%s stays: %s; --force removes it anyway", r->run.id, why);
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
        bit_client_refuse(c, BIT_EBUSY, "%s has ended, but its processes have not yet: try again", r->run.id);
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

/* ---- prune */

static bool is_of(const struct bit_runner *r, const struct bit_client *c, const Bit__PruneRequest *m)
{
    const bool all = m->has_all_users && m->all_users;

    return bit_run_ended(&r->run) && !r->corrupt && !r->removing && r->job == NULL &&
           (all || r->run.uid == c->peer.uid) && bit_access_check(&c->peer, &r->run, BIT_VERB_REMOVE) == 0;
}

static uint32_t *count_of(struct users *u, uint32_t uid)
{
    for (size_t i = 0; i < u->count; i++)
        if (u->user[i].uid == uid)
            return &u->user[i].ended;
    u->user[u->count].uid = uid;
    return &u->user[u->count++].ended;
}

/* Marks each run that is among the `keep` newest ended runs of its user. */
static int mark_newest(const struct bit_runs *runs, uint32_t keep, bool *newest)
{
    struct users users = {.user = calloc(runs->count + 1, sizeof *users.user)};

    if (users.user == NULL)
        return -ENOMEM;
    for (size_t i = runs->count; i-- > 0;)
        newest[i] = bit_run_ended(&runs->runner[i]->run) && (*count_of(&users, runs->runner[i]->run.uid))++ < keep;
    free(users.user);
    return 0;
}

static bool is_old(const struct bit_run *run, const Bit__PruneRequest *m, uint64_t now_ns)
{
    const uint64_t age_s = now_ns > run->ended_ns ? (now_ns - run->ended_ns) / 1000000000 : 0;

    return !m->has_older_than_s || age_s >= m->older_than_s;
}

static int add_pruned(struct bit_remove *p, const struct bit_depends *depends, const struct bit_runner *r)
{
    struct pruned *at = &p->pruned[p->count];

    *at = (struct pruned){.state = r->run.state, .uid = r->run.uid, .ended_ns = r->run.ended_ns};
    snprintf(at->id, sizeof at->id, "%s", r->run.id);
    snprintf(at->name, sizeof at->name, "%s", r->run.spec->name ? r->run.spec->name : r->run.id);
    is_missed(depends, r, at->spared, sizeof at->spared);
    if ((at->dir = strdup(r->dir)) == NULL)
        return -ENOMEM;
    p->count++;
    return 0;
}

static int collect(struct bit_remove *p, const Bit__PruneRequest *m)
{
    const struct bit_runs *runs = p->client->all->runs;
    const uint64_t now_ns = bit_walltime_ns();
    const size_t room = BIT_MIN(runs->count, (size_t)PRUNED_MAX);
    struct bit_depends depends;
    bool *newest = calloc(runs->count + 1, sizeof *newest);
    int err = bit_depends_init(&depends, runs);

    p->pruned = calloc(room + 1, sizeof *p->pruned);
    if (p->pruned == NULL || newest == NULL)
        err = -ENOMEM;
    if (err == 0)
        err = mark_newest(runs, m->has_keep ? m->keep : 0, newest);
    for (size_t i = 0; err == 0 && i < runs->count && p->count < room; i++)
        if (!newest[i] && is_of(runs->runner[i], p->client, m) && is_old(&runs->runner[i]->run, m, now_ns))
            err = add_pruned(p, &depends, runs->runner[i]);
    bit_depends_finish(&depends);
    free(newest);
    return err;
}

static void measure_in_pool(uv_work_t *work)
{
    struct bit_remove *p = work->data;

    for (size_t i = 0; i < p->count; i++)
        bit_dir_bytes(p->pruned[i].dir, &p->pruned[i].bytes); /* errors: a folder removed meanwhile frees nothing */
}

static void send_pruned(struct bit_remove *p)
{
    Bit__PrunedRun *run = calloc(p->count + 1, sizeof *run), **list = calloc(p->count + 1, sizeof *list);
    Bit__PruneReply m = BIT__PRUNE_REPLY__INIT;

    for (size_t i = 0; run != NULL && list != NULL && i < p->count; i++) {
        struct pruned *from = &p->pruned[i];
        bit__pruned_run__init(&run[i]);
        run[i].run = from->id;
        run[i].name = from->name;
        run[i].state = from->state;
        run[i].uid = from->uid;
        run[i].ended_ns = from->ended_ns;
        run[i].bytes = from->bytes;
        run[i].spared = from->spared[0] != '\0' ? from->spared : NULL;
        list[m.n_run++] = &run[i];
    }
    m.run = list;
    if (run == NULL || list == NULL)
        bit_client_refuse(p->client, -ENOMEM, "%zu runs", p->count);
    else {
        bit_client_send(p->client, BIT_MSG_PRUNE_REPLY, &m);
        bit_client_end(p->client);
    }
    free(run);
    free(list);
}

static void on_measured(uv_work_t *work, int status)
{
    struct bit_remove *p = work->data;

    if (p->client != NULL)
        send_pruned(p);
    finish(p);
}

void bit_remove_prune(struct bit_client *c, const Bit__PruneRequest *m)
{
    if (!m->has_older_than_s && !m->has_keep) {
        bit_client_refuse(c, BIT_EUSAGE, "name an age (--older-than) or a number to keep (--keep)");
        return;
    }
    if (m->has_all_users && m->all_users && !c->peer.admin) {
        bit_client_refuse(c, BIT_EAUTH, "uid %u may not remove the runs of others", c->peer.uid);
        return;
    }
    struct bit_remove *p = make(c);
    int err = p == NULL ? -ENOMEM : collect(p, m);
    if (err == 0) {
        p->work.data = p;
        err = uv_queue_work(c->all->env->loop, &p->work, measure_in_pool, on_measured);
    }
    if (err == 0)
        return;
    bit_client_refuse(c, err, "which runs are old");
    if (p != NULL)
        finish(p);
}
