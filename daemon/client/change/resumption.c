#include "daemon/client/change/resumption.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/client/connection/client.h"
#include "daemon/feed/feed.h"
#include "daemon/store/runs/runs.h"
#include "daemon/store/runs/stored_run.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("resumption");

void bit_resumption_destroy(struct bit_resumption *s)
{
    if (s == NULL)
        return;
    if (s->client != NULL)
        s->client->resumption = NULL;
    if (s->has_replayed)
        bit_run_finish(&s->replayed);
    bit_claim_finish(&s->claim);
    bit_msg_free(s->spec);
    bit_msg_free(s->ask);
    free(s->facts);
    free(s->dir);
    free(s);
}

struct bit_resumption *bit_resumption_create(struct bit_client *c, const struct bit_runner *r,
                                             const Bit__ResumeRequest *m)
{
    struct bit_resumption *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->ask = bit_msg_clone(m);
    s->spec = bit_msg_clone(r->run.spec);
    s->dir = strdup(r->dir);
    s->facts = bit_runner_path(r, "data.pb");
    if (s->ask == NULL || s->spec == NULL || s->dir == NULL || s->facts == NULL || bit_claim_init(&s->claim, r) < 0) {
        bit_resumption_destroy(s);
        return NULL;
    }
    s->runs = r->runs;
    s->client = c;
    snprintf(s->run, sizeof s->run, "%s", r->run.id);
    s->number = r->run.number;
    s->seq = r->run.seq;
    s->journal_bytes = r->journal.bytes;
    s->ended = bit_run_ended(&r->run);
    c->resumption = s;
    return s;
}

void bit_resumption_forget(struct bit_resumption *s)
{
    if (s == NULL)
        return;
    s->client = NULL;
    if (bit_user_threads_abandon(&s->looking))
        bit_resumption_destroy(s);
}

static int verify(const struct bit_claim *claim, uint64_t step, const char *name)
{
    char path[PATH_MAX];
    Bit__Manifest *manifest = NULL;

    if (snprintf(path, sizeof path, "%s/%s", claim->folder, name) >= (int)sizeof path)
        return bit_fail(-ENAMETOOLONG, "%s", claim->folder);
    int err = bit_manifest_read(path, &manifest);
    if (err == 0)
        err = bit_claim_check(claim, path, step, manifest);
    if (err == 0)
        err = bit_checkpoint_verify(path, manifest, NULL, NULL);
    bit_msg_free(manifest);
    return err;
}

/* Finds the checkpoint that was asked for, or the newest good one. Damaged ones are left to the launch, which finds
 * them again and sets them aside. */
static int find_checkpoint(struct bit_resumption *s)
{
    const struct bit_claim *claim = &s->claim;

    for (size_t i = claim->known_count; i-- > 0;) {
        const struct bit_run_checkpoint *c = &claim->known[i];
        if (s->ask->has_from_step && c->step != s->ask->from_step)
            continue;
        int err = verify(claim, c->step, c->name);
        if (err == 0) {
            s->from = c->step;
            snprintf(s->checkpoint, sizeof s->checkpoint, "%s", c->name);
            return 0;
        }
        if (s->ask->has_from_step)
            return err < 0 ? err : bit_fail(BIT_ESTATE, "%s is of steps that were given up", c->name);
        bit_warn("not good", "run=%s name=%s text=%s", s->run, c->name, bit_fail_text());
    }
    return 0;
}

static int look_at_data(struct bit_resumption *s)
{
    struct bit_feed *feed = NULL;
    int err = bit_feed_create(s->spec, &feed);

    s->changes.others = BIT_FILE_OTHERS_LOOK;
    if (err == 0)
        err = bit_feed_check(feed, s->spec, s->facts, &s->stop, &s->changes);
    bit_feed_destroy(feed);
    return err;
}

static void look(struct bit_user_task *task)
{
    struct bit_resumption *s = task->data;

    if (s->ended)
        s->err = bit_stored_run_replay(s->dir, s->number, s->journal_bytes, &s->replayed);
    s->has_replayed = s->ended && s->err == 0;
    if (s->err == 0)
        s->err = find_checkpoint(s);
    if (s->err == 0)
        s->err = look_at_data(s);
    if (s->err < 0)
        bit_format(s->text, sizeof s->text, "%s", bit_fail_text());
}

void bit_resumption_start(struct bit_resumption *s, void (*done)(struct bit_user_task *task))
{
    s->looking = (struct bit_user_task){.uid = s->client->peer.uid, .data = s, .work = look, .done = done};
    bit_user_threads_start(s->client->all->user_threads, &s->looking);
}
