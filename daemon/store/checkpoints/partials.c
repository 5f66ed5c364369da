#include "daemon/store/checkpoints/partials.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "daemon/store/runs/runner.h"
#include "daemon/sys/files/fileio.h"
#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("partials");

/* Steps that the journal does not have are not adopted, because their reports would be missing for ever. */
static bool is_wanted(const struct bit_claim *c, const Bit__Manifest *m)
{
    return m->epoch == c->epoch && m->step <= c->step_max;
}

/* A partial folder of the last launch: its name `entry`, its full path, and the name that it should get. */
static void settle_last(const struct bit_claim *c, bool may_name, struct bit_partials *p, const char *entry,
                        const char *path, const char *name)
{
    Bit__Manifest *manifest = NULL;
    const int64_t step = bit_checkpoint_step(name);
    int err = step < 0 ? -EINVAL : bit_manifest_read(path, &manifest);

    if (err < 0) /* incomplete */
        return;
    int verdict = bit_claim_check(c, path, (uint64_t)step, manifest);
    if (verdict < 0) {
        bit_bad_checkpoints_set_aside(&p->bad, c->folder, entry, name);
    } else if (may_name && verdict == 0 && is_wanted(c, manifest) &&
               bit_checkpoint_commit(c->folder, name, c->run, c->epoch) == 0) {
        bit_info("named late", "run=%s name=%s", c->run, name);
        snprintf(p->name, sizeof p->name, "%s", name);
        p->facts = bit_claim_tell(manifest);
    }
    bit_msg_free(manifest);
}

static void settle_entry(const struct bit_claim *c, bool may_name, struct bit_partials *p, const char *entry)
{
    char path[PATH_MAX], name[32], last[48];
    const char *suffix = strstr(entry, ".partial");

    if (suffix == NULL || snprintf(path, sizeof path, "%s/%s", c->folder, entry) >= (int)sizeof path)
        return;
    snprintf(name, sizeof name, "%.*s", (int)BIT_MIN(suffix - entry, (ptrdiff_t)31), entry);
    snprintf(last, sizeof last, ".partial-%" PRIu64, c->epoch);
    if (strcmp(suffix, last) == 0)
        settle_last(c, may_name, p, entry, path, name);
    int err = bit_dir_remove(path); /* a folder that was named above is no longer at this path */
    if (err < 0 && err != -ENOENT)
        bit_warn("left behind", "run=%s text=%s", c->run, bit_fail_text());
}

void bit_partials_settle(const struct bit_claim *c, bool may_name, struct bit_partials *p)
{
    DIR *dir = opendir(c->folder);

    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        settle_entry(c, may_name, p, entry->d_name);
    if (dir != NULL)
        closedir(dir);
}

void bit_partials_adopt(struct bit_runner *r, const char *name, const struct bit_claim_facts *facts)
{
    Bit__CheckpointReport m = BIT__CHECKPOINT_REPORT__INIT;

    m.after_step = facts->step;
    m.name = (char *)(uintptr_t)name;
    m.has_bytes = m.has_weights_digest = m.has_moments_digest = true;
    m.bytes = facts->bytes;
    m.weights_digest = facts->weights_digest;
    m.moments_digest = facts->moments_digest;
    bit_record(r, CHECKPOINT, checkpoint, &m);
}

void bit_partials_record(struct bit_runner *r, struct bit_partials *p)
{
    bit_bad_checkpoints_record(r, &p->bad);
    if (p->name[0] != '\0' && bit_run_find_checkpoint(&r->run, p->name) == NULL)
        bit_partials_adopt(r, p->name, &p->facts);
    bit_bad_checkpoints_finish(&p->bad);
}

/* ---- off the loop */

struct settling {
    uv_work_t work;
    struct bit_runner *runner;
    struct bit_claim claim;
    bool may_name;
    struct bit_partials found;
    bit_partials_settled *settled;
    void *arg;
};

static void settle_in_pool(uv_work_t *work)
{
    struct settling *s = work->data;

    bit_partials_settle(&s->claim, s->may_name, &s->found);
}

static void free_settling(struct settling *s)
{
    bit_claim_finish(&s->claim);
    free(s);
}

static void on_settled(uv_work_t *work, int status)
{
    struct settling *s = work->data;

    (void)status;
    bit_partials_record(s->runner, &s->found);
    s->settled(s->arg);
    free_settling(s);
}

int bit_partials_start(struct bit_runner *r, bit_partials_settled *settled, void *arg)
{
    struct settling *s = calloc(1, sizeof *s);
    int err = s == NULL ? bit_fail(-ENOMEM, "the checkpoints of %s", r->run.id) : bit_claim_init(&s->claim, r);

    if (err == 0) {
        s->runner = r;
        s->may_name = !bit_run_ended(&r->run);
        s->settled = settled;
        s->arg = arg;
        s->work.data = s;
        err = uv_queue_work(r->env->loop, &s->work, settle_in_pool, on_settled);
        if (err < 0)
            bit_fail(err, "the thread pool: %s", uv_strerror(err));
    }
    if (err < 0 && s != NULL)
        free_settling(s);
    return err;
}
