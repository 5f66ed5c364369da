#include "daemon/store/choose.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/store/init_from.h"
#include "daemon/sys/fileio.h"
#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("choose");

#define FOLDERS_MAX 65536
#define GIVEN_UP    1 /* whole, but of steps behind a rewind that are no more */

struct bad {
    char name[32];
    char text[BIT_ERR_TEXT_MAX];
};

struct choice {
    uv_work_t work;
    struct bit_runner *runner;
    char *folder; /* runs/<id>/checkpoints */
    char run[BIT_RUN_ID_MAX], identity[BIT_RUN_IDENTITY + 1];
    struct bit_run_checkpoint *known; /* those of the journal, a copy */
    size_t known_count;
    uint64_t epoch;             /* of the last launch, which is over */
    uint64_t step_max;          /* of the journal */
    struct bit_rewinds rewinds; /* a copy */
    char restore[32];           /* the result; empty: none */
    char *origin;               /* the path of init.pb; NULL where the model begins from nothing */
    const Bit__ModelSpec *model;
    bool own;
    int err; /* of the origin */
    char text[BIT_ERR_TEXT_MAX];
    uint64_t bytes, digest, step;
    struct bad *bad;
    size_t bad_count;
    bit_chosen *chosen;
    void *arg;
};

static int newest_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* What the last launch wrote whole, and neither it nor bitd lived to give its name; whatever else is half is removed.
 */
static void settle_partials(const struct choice *c)
{
    DIR *dir = opendir(c->folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        char path[PATH_MAX], name[32], last[48];
        const char *suffix = strstr(entry->d_name, ".partial");
        if (suffix == NULL || snprintf(path, sizeof path, "%s/%s", c->folder, entry->d_name) >= (int)sizeof path)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)BIT_MIN(suffix - entry->d_name, (ptrdiff_t)31), entry->d_name);
        snprintf(last, sizeof last, ".partial-%" PRIu64, c->epoch);
        if (strcmp(suffix, last) == 0 && bit_checkpoint_commit(c->folder, name, c->run, c->epoch) == 0)
            bit_info("named late", "run=%s name=%s", c->run, name);
        bit_dir_remove(path);
    }
    if (dir != NULL)
        closedir(dir);
}

/* The steps of the complete folders, newest first. */
static size_t list_steps(struct choice *c, uint64_t **out)
{
    size_t count = 0;
    uint64_t *steps = NULL;
    DIR *dir = opendir(c->folder);
    for (struct dirent *entry; dir != NULL && count < FOLDERS_MAX && (entry = readdir(dir)) != NULL;) {
        int64_t step = bit_checkpoint_step(entry->d_name);
        uint64_t *grown = step < 0 || (uint64_t)step > c->step_max ? NULL : realloc(steps, (count + 1) * sizeof *steps);
        if (grown == NULL)
            continue;
        steps = grown;
        steps[count++] = (uint64_t)step;
    }
    if (dir != NULL)
        closedir(dir);
    if (count > 0)
        qsort(steps, count, sizeof *steps, newest_first);
    *out = steps;
    return count;
}

static const struct bit_run_checkpoint *find_known(const struct choice *c, uint64_t step)
{
    for (size_t i = 0; i < c->known_count; i++)
        if (c->known[i].step == step)
            return &c->known[i];
    return NULL;
}

/*
 * Whole is not enough: another bitd has a run of this id too, and backups are put back into wrong places. What an
 * earlier version wrote has no identity, and is known by its digest; where the run itself has none, by its id.
 */
static int check_owner(const struct choice *c, const char *path, uint64_t step, const Bit__Manifest *m)
{
    const struct bit_run_checkpoint *known = find_known(c, step);
    bool same = known != NULL && known->has_weights;
    if (strcmp(m->run, c->run) != 0 || m->step != step)
        return bit_fail(BIT_ECORRUPT, "%s: says it is step %" PRIu64 " of run %.32s", path, m->step, m->run);
    if (m->identity != NULL && strcmp(m->identity, c->identity) != 0)
        return bit_fail(BIT_ECORRUPT, "%s: of another run: its identity is %.32s, and that of %s is %s", path,
                        m->identity, c->run, c->identity[0] ? c->identity : "none");
    if (m->identity == NULL && c->identity[0] != '\0' && !same)
        return bit_fail(BIT_ECORRUPT, "%s: has no identity, and the journal does not know it", path);
    if (same && known->weights_digest != m->weights_digest)
        return bit_fail(BIT_ECORRUPT, "%s: its weights are %016" PRIx64 ", and the journal has %016" PRIx64, path,
                        m->weights_digest, known->weights_digest);
    return 0;
}

static int verify(struct choice *c, const char *path, uint64_t step)
{
    Bit__Manifest *manifest = NULL;
    int err = bit_manifest_read(path, &manifest);
    if (err == 0)
        err = check_owner(c, path, step, manifest);
    if (err == 0 && bit_rewinds_gave_up(&c->rewinds, step, manifest->epoch)) {
        bit_msg_free(manifest);
        return GIVEN_UP;
    }
    if (err == 0)
        err = bit_checkpoint_verify(path, manifest, NULL, NULL);
    if (err == 0) {
        c->digest = manifest->weights_digest;
        c->step = step;
        for (size_t i = 0; i < manifest->n_file; i++)
            c->bytes += manifest->file[i]->bytes;
    }
    bit_msg_free(manifest);
    return err;
}

static void set_aside(struct choice *c, const char *name, const char *path)
{
    struct bad *grown = realloc(c->bad, (c->bad_count + 1) * sizeof *grown);
    char aside[PATH_MAX];
    if (grown != NULL) {
        c->bad = grown;
        struct bad *bad = &c->bad[c->bad_count++];
        snprintf(bad->name, sizeof bad->name, "%s", name);
        bit_format(bad->text, sizeof bad->text, "%s", bit_fail_text());
    }
    if (snprintf(aside, sizeof aside, "%s.bad", path) < (int)sizeof aside) {
        bit_dir_remove(aside); /* of an earlier time */
        if (rename(path, aside) < 0)
            bit_warn("bad checkpoint not set aside", "path=%s text=%s", path, strerror(errno));
    }
}

static void choose_in_pool(uv_work_t *work)
{
    struct choice *c = work->data;
    uint64_t *steps = NULL;
    settle_partials(c);
    size_t count = list_steps(c, &steps);
    for (size_t i = 0; i < count && c->restore[0] == '\0'; i++) {
        char name[32], path[PATH_MAX];
        bit_checkpoint_name(steps[i], name);
        if (snprintf(path, sizeof path, "%s/%s", c->folder, name) >= (int)sizeof path)
            break;
        int verdict = verify(c, path, steps[i]);
        if (verdict == GIVEN_UP)
            bit_dir_remove(path);
        else if (verdict < 0)
            set_aside(c, name, path);
        else
            snprintf(c->restore, sizeof c->restore, "%s", name);
    }
    free(steps);
    if (c->restore[0] == '\0' && c->origin != NULL)
        c->err = bit_origin_check(c->model, c->origin, c->own);
    if (c->err < 0)
        bit_format(c->text, sizeof c->text, "%s", bit_fail_text());
}

static void record_bad(struct bit_runner *r, struct bad *bad)
{
    Bit__CheckpointBad m = BIT__CHECKPOINT_BAD__INIT;
    m.name = bad->name;
    m.text = bad->text;
    Bit__JournalRecord record = BIT__JOURNAL_RECORD__INIT;
    record.what_case = BIT__JOURNAL_RECORD__WHAT_BAD;
    record.bad = &m;
    bit_error("checkpoint bad", "run=%s name=%s text=%s", r->run.id, bad->name, bad->text);
    bit_runner_record(r, &record);
}

/* The daemon was away when it was reported, and then the worker was lost too. */
static void adopt(struct bit_runner *r, struct choice *c)
{
    Bit__CheckpointReport m = BIT__CHECKPOINT_REPORT__INIT;
    m.after_step = c->step;
    m.name = c->restore;
    m.has_bytes = m.has_weights_digest = true;
    m.bytes = c->bytes;
    m.weights_digest = c->digest;
    Bit__JournalRecord record = BIT__JOURNAL_RECORD__INIT;
    record.what_case = BIT__JOURNAL_RECORD__WHAT_CHECKPOINT;
    record.checkpoint = &m;
    bit_runner_record(r, &record);
}

/* Journalled checkpoints whose folder is gone: somebody removed it by hand. */
static void record_missing(struct bit_runner *r, const struct choice *c)
{
    for (size_t i = r->run.checkpoint_count; i-- > 0;) {
        struct bad missing = {.text = "the folder is not there"};
        if (r->run.checkpoint[i].step <= c->step && c->restore[0] != '\0')
            break;
        snprintf(missing.name, sizeof missing.name, "%s", r->run.checkpoint[i].name);
        record_bad(r, &missing);
    }
}

static void free_choice(struct choice *c)
{
    bit_rewinds_finish(&c->rewinds);
    free(c->known);
    free(c->bad);
    free(c->folder);
    free(c->origin);
    free(c);
}

static void on_chosen(uv_work_t *work, int status)
{
    struct choice *c = work->data;
    struct bit_runner *r = c->runner;
    for (size_t i = 0; i < c->bad_count; i++)
        record_bad(r, &c->bad[i]);
    record_missing(r, c);
    if (c->restore[0] != '\0' && bit_run_find_checkpoint(&r->run, c->restore) == NULL)
        adopt(r, c);
    int err = c->err < 0 ? bit_fail(c->err, "%s", c->text) : 0;
    c->chosen(c->arg, err, c->restore);
    free_choice(c);
}

static int copy_known(struct choice *c, const struct bit_run *run)
{
    c->known = calloc(run->checkpoint_count + 1, sizeof *c->known);
    if (c->known == NULL)
        return -ENOMEM;
    if (run->checkpoint_count > 0)
        memcpy(c->known, run->checkpoint, run->checkpoint_count * sizeof *c->known);
    c->known_count = run->checkpoint_count;
    return 0;
}

static int copy_origin(struct choice *c, const struct bit_runner *r)
{
    c->model = r->run.spec->model;
    c->own = bit_runner_is_own(r);
    if (c->model->init_from == NULL || c->model->init_from[0] == '\0')
        return 0;
    c->origin = bit_runner_path(r, "init.pb");
    return c->origin == NULL ? -ENOMEM : 0;
}

int bit_choose_start(struct bit_runner *r, bit_chosen *chosen, void *arg)
{
    struct choice *c = calloc(1, sizeof *c);
    if (c == NULL)
        return bit_fail(-ENOMEM, "the checkpoints of %s", r->run.id);
    if ((c->folder = bit_runner_path(r, "checkpoints")) == NULL || copy_known(c, &r->run) < 0 ||
        copy_origin(c, r) < 0 || bit_rewinds_copy(&r->run.rewinds, &c->rewinds) < 0) {
        free_choice(c);
        return bit_fail(-ENOMEM, "the checkpoints of %s", r->run.id);
    }
    c->runner = r;
    c->epoch = r->run.epoch;
    c->step_max = r->run.step_max;
    snprintf(c->run, sizeof c->run, "%s", r->run.id);
    snprintf(c->identity, sizeof c->identity, "%s", r->run.identity);
    c->chosen = chosen;
    c->arg = arg;
    c->work.data = c;
    int err = uv_queue_work(&r->daemon->loop, &c->work, choose_in_pool, on_chosen);
    if (err < 0) {
        free_choice(c);
        return bit_fail(err, "the thread pool: %s", uv_strerror(err));
    }
    return 0;
}
