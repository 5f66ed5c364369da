#include "daemon/store/checkpoints/checkpoint_search.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/checkpoints/bad_checkpoints.h"
#include "daemon/store/checkpoints/claim.h"
#include "daemon/store/checkpoints/init_from.h"
#include "daemon/store/checkpoints/partials.h"
#include "daemon/sys/files/fileio.h"
#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

#define FOLDERS_MAX 65536

struct choice {
    uv_work_t work;
    struct bit_runner *runner;
    struct bit_claim claim;
    struct bit_partials partials;
    struct bit_bad_checkpoints bad;
    char restore[32]; /* the result; empty: none */
    char *init_from;  /* the path of init.pb; NULL without init_from */
    const Bit__ModelSpec *model;
    bool own;
    int err; /* init_from changed, or a fork has no good checkpoint */
    char text[BIT_ERR_TEXT_MAX];
    struct bit_claim_facts facts; /* of restore */
    bit_checkpoint_search_done *chosen;
    void *arg;
};

static int newest_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? 1 : x > y ? -1 : 0;
}

/* The steps of the complete folders, newest first. */
static size_t list_steps(struct choice *c, uint64_t **out)
{
    size_t count = 0;
    uint64_t *steps = NULL;
    DIR *dir = opendir(c->claim.folder);

    for (struct dirent *entry; dir != NULL && count < FOLDERS_MAX && (entry = readdir(dir)) != NULL;) {
        int64_t step = bit_checkpoint_step(entry->d_name);
        uint64_t *grown = step < 0 || (uint64_t)step > c->claim.step_max ? NULL
                                                                         : realloc(steps, (count + 1) * sizeof *steps);
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

static int verify(struct choice *c, const char *path, uint64_t step)
{
    Bit__Manifest *manifest = NULL;
    int err = bit_manifest_read(path, &manifest);

    if (err == 0)
        err = bit_claim_check(&c->claim, path, step, manifest);
    if (err == 0)
        err = bit_checkpoint_verify(path, manifest, NULL, NULL);
    if (err == 0)
        c->facts = bit_claim_tell(manifest);
    bit_msg_free(manifest);
    return err;
}

static bool is_fork(const struct bit_claim *c)
{
    return c->fork != NULL && !(c->fork->has_weights_only && c->fork->weights_only);
}

static void choose_in_pool(uv_work_t *work)
{
    struct choice *c = work->data;
    uint64_t *steps = NULL;

    bit_partials_settle(&c->claim, true, &c->partials);
    size_t count = list_steps(c, &steps);
    for (size_t i = 0; i < count && c->restore[0] == '\0'; i++) {
        char name[32], path[PATH_MAX];
        bit_checkpoint_name(steps[i], name);
        if (snprintf(path, sizeof path, "%s/%s", c->claim.folder, name) >= (int)sizeof path)
            break;
        int verdict = verify(c, path, steps[i]);
        if (verdict == BIT_CLAIM_GIVEN_UP)
            bit_dir_remove(path);
        else if (verdict < 0)
            bit_bad_checkpoints_set_aside(&c->bad, c->claim.folder, name, name);
        else
            snprintf(c->restore, sizeof c->restore, "%s", name);
    }
    free(steps);
    if (c->restore[0] == '\0' && is_fork(&c->claim))
        c->err = bit_fail(BIT_EDATA, "no good checkpoint is left, and a fork cannot start without one: fork %s again",
                          c->claim.fork->run);
    else if (c->restore[0] == '\0' && c->init_from != NULL)
        c->err = bit_init_from_check(c->model, c->init_from, c->own);
    if (c->err < 0)
        bit_format(c->text, sizeof c->text, "%s", bit_fail_text());
}

/* Report journalled checkpoints whose folder is missing, because somebody removed it by hand. */
static void record_missing(struct bit_runner *r, const struct choice *c)
{
    for (size_t i = r->run.checkpoints.count; i-- > 0;) {
        char name[32];
        if (r->run.checkpoints.list[i].step <= c->facts.step && c->restore[0] != '\0')
            break;
        snprintf(name, sizeof name, "%s", r->run.checkpoints.list[i].name);
        bit_bad_checkpoints_record_one(r, name, "the folder is not there");
    }
}

static void free_choice(struct choice *c)
{
    bit_claim_finish(&c->claim);
    bit_bad_checkpoints_finish(&c->partials.bad);
    bit_bad_checkpoints_finish(&c->bad);
    free(c->init_from);
    free(c);
}

static void on_chosen(uv_work_t *work, int status)
{
    struct choice *c = work->data;
    struct bit_runner *r = c->runner;

    bit_partials_record(r, &c->partials);
    bit_bad_checkpoints_record(r, &c->bad);
    record_missing(r, c);
    if (c->restore[0] != '\0' && bit_run_find_checkpoint(&r->run, c->restore) == NULL)
        bit_partials_adopt(r, c->restore, &c->facts);
    int err = c->err < 0 ? bit_fail(c->err, "%s", c->text) : 0;
    c->chosen(c->arg, err, c->restore);
    free_choice(c);
}

static int copy_init_from(struct choice *c, const struct bit_runner *r)
{
    c->model = r->run.spec->model;
    c->own = bit_runner_is_own(r);
    if (c->model->init_from == NULL || c->model->init_from[0] == '\0')
        return 0;
    c->init_from = bit_runner_path(r, "init.pb");
    return c->init_from == NULL ? -ENOMEM : 0;
}

int bit_checkpoint_search_start(struct bit_runner *r, bit_checkpoint_search_done *chosen, void *arg)
{
    struct choice *c = calloc(1, sizeof *c);

    if (c == NULL)
        return bit_fail(-ENOMEM, "the checkpoints of %s", r->run.id);
    if (bit_claim_init(&c->claim, r) < 0 || copy_init_from(c, r) < 0) {
        free_choice(c);
        return bit_fail(-ENOMEM, "the checkpoints of %s", r->run.id);
    }
    c->runner = r;
    c->chosen = chosen;
    c->arg = arg;
    c->work.data = c;
    int err = uv_queue_work(r->env->loop, &c->work, choose_in_pool, on_chosen);
    if (err < 0) {
        free_choice(c);
        return bit_fail(err, "the thread pool: %s", uv_strerror(err));
    }
    return 0;
}
