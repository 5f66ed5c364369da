#include "daemon/client/change/prune.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/client/change/depends.h"
#include "daemon/client/connection/access.h"
#include "daemon/store/runs/runs.h"
#include "daemon/sys/files/fileio.h"
#include "daemon/sys/walltime.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/wire/msg.h"

#define PRUNED_MAX 2048 /* runs in one answer, the oldest */
#define WHY_MAX    160

/* One run of the answer. */
struct pruned {
    char id[BIT_RUN_ID_MAX], name[BIT_NAME_MAX + 1], spared[WHY_MAX], *dir;
    Bit__RunState state;
    uint32_t uid;
    uint64_t ended_ns, bytes;
};

/* A request in progress: the thread pool measures folders. */
struct bit_prune {
    uv_work_t work;
    struct bit_client *client; /* NULL: gone */
    struct pruned *pruned;
    size_t count;
};

/* How many ended runs each user has. */
struct users {
    struct {
        uint32_t uid, ended;
    } * user;
    size_t count;
};

void bit_prune_forget(struct bit_prune *p)
{
    if (p != NULL)
        p->client = NULL;
}

static struct bit_prune *make(struct bit_client *c)
{
    struct bit_prune *p = calloc(1, sizeof *p);

    if (p != NULL) {
        p->client = c;
        c->prune = p;
    }
    return p;
}

static void finish(struct bit_prune *p)
{
    if (p->client != NULL)
        p->client->prune = NULL;
    for (size_t i = 0; i < p->count; i++)
        free(p->pruned[i].dir);
    free(p->pruned);
    free(p);
}

/* ---- which runs */

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

static int add_pruned(struct bit_prune *p, const struct bit_depends *depends, const struct bit_runner *r)
{
    struct pruned *at = &p->pruned[p->count];

    *at = (struct pruned){.state = r->run.state, .uid = r->run.uid, .ended_ns = r->run.ended_ns};
    snprintf(at->id, sizeof at->id, "%s", r->run.id);
    snprintf(at->name, sizeof at->name, "%s", r->run.spec->name ? r->run.spec->name : r->run.id);
    bit_depends_misses(depends, r, at->spared, sizeof at->spared);
    if ((at->dir = strdup(r->dir)) == NULL)
        return -ENOMEM;
    p->count++;
    return 0;
}

static int collect(struct bit_prune *p, const Bit__PruneRequest *m)
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

/* ---- what they would free, and the answer */

static void measure_in_pool(uv_work_t *work)
{
    struct bit_prune *p = work->data;

    for (size_t i = 0; i < p->count; i++)
        bit_dir_bytes(p->pruned[i].dir, &p->pruned[i].bytes); /* errors: a folder removed meanwhile frees nothing */
}

static void send_pruned(struct bit_prune *p)
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
    struct bit_prune *p = work->data;

    if (p->client != NULL)
        send_pruned(p);
    finish(p);
}

void bit_prune(struct bit_client *c, const Bit__PruneRequest *m)
{
    if (!m->has_older_than_s && !m->has_keep) {
        bit_client_refuse(c, BIT_EUSAGE, "name an age (--older-than) or a number to keep (--keep)");
        return;
    }
    if (m->has_all_users && m->all_users && !c->peer.admin) {
        bit_client_refuse(c, BIT_EAUTH, "uid %u may not remove the runs of others", c->peer.uid);
        return;
    }
    struct bit_prune *p = make(c);
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
