#include "ctl/spec/eval_subject.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/cli/failure.h"
#include "ctl/client/checkpoint_of.h"
#include "ctl/client/run_status.h"
#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/wire/msg.h"

/* ---- a run, or a path */

static bool has(const char *folder, const char *name)
{
    char path[BIT_PATH_MAX];
    struct stat st;

    return snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path && stat(path, &st) == 0;
}

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool holds_model(const char *folder)
{
    static const char *const names[] = {BIT_CHECKPOINT_MANIFEST, "config.json", "model.safetensors",
                                        "model.safetensors.index.json"};

    for (size_t i = 0; i < BIT_COUNT(names); i++)
        if (has(folder, names[i]))
            return true;
    return false;
}

/* A word without a slash may be a run's name, too: it is a path only if there is a model. */
static bool is_path(const char *what)
{
    const char *ending = strrchr(what, '.');

    if (strchr(what, '/') != NULL)
        return true;
    if (is_folder(what))
        return holds_model(what);
    return ending != NULL && strcmp(ending, ".safetensors") == 0;
}

/* "eval-keep-4000"; characters that a name may not have become _. */
static void put_name(struct bit_eval_subject *s, const char *of, bool has_step, uint64_t step)
{
    bit_format(s->name, sizeof s->name, "eval-%.40s", of);
    if (has_step)
        bit_format_more(s->name, sizeof s->name, "-%" PRIu64, step);
    for (char *c = s->name; *c != '\0'; c++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *c) == NULL)
            *c = '_';
}

/* The micro-batch that the workers chose, so that sums have the same bits as in the run. */
static void take_micro_instances(struct bit_eval_subject *s)
{
    Bit__Manifest *manifest = NULL;

    if (s->spec->batch != NULL && bit_manifest_read(s->path, &manifest) == 0 && manifest->spec->batch != NULL &&
        manifest->spec->batch->has_micro_instances) {
        s->spec->batch->has_micro_instances = true;
        s->spec->batch->micro_instances = manifest->spec->batch->micro_instances;
    }
    bit_msg_free(manifest);
}

static int take_run(struct bit_eval_subject *s, Bit__RunStatus *status)
{
    s->is_run = true;
    s->ternary = s->choice.precision == BIT__PRECISION__TERNARY;
    s->path = strdup(s->choice.path);
    if (s->path == NULL)
        return bit_fail(-ENOMEM, "what is evaluated");
    s->spec = status->spec;
    status->spec = NULL;
    put_name(s, status->name, true, s->choice.step);
    take_micro_instances(s);
    return 0;
}

static int find_run(struct bit_cli *cli, const char *run, const uint64_t *step, struct bit_eval_subject *s)
{
    Bit__RunStatus *status = NULL;
    int code = bit_run_status_ask(cli, run, true, &status);

    if (code == 0)
        code = bit_checkpoint_of(cli, status->run, step, &s->choice);
    if (code == 0) {
        int err = take_run(s, status);
        code = err < 0 ? bit_failure_print(cli, err) : 0;
    }
    bit_msg_free(status);
    return code;
}

/* Strips slashes at the end. For the weights in a checkpoint, takes the folder, whose manifest describes them. */
static int take_path(struct bit_eval_subject *s, const char *what)
{
    static const char weights[] = "/model.safetensors";
    struct stat st;

    s->path = strdup(what);
    if (s->path == NULL)
        return bit_fail(-ENOMEM, "what is evaluated");
    size_t end = strlen(s->path);
    while (end > 1 && s->path[end - 1] == '/')
        s->path[--end] = '\0';
    if (stat(s->path, &st) < 0)
        return bit_fail(errno == ENOENT ? BIT_EDATA : -errno, "'%s': %s", s->path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return holds_model(s->path) ? 0
                                    : bit_fail(BIT_EDATA,
                                               "'%s' holds no model: neither " BIT_CHECKPOINT_MANIFEST
                                               ", as checkpoints have, nor config.json nor model.safetensors",
                                               s->path);
    if (end < sizeof weights || strcmp(s->path + end - (sizeof weights - 1), weights) != 0)
        return 0;
    s->path[end - (sizeof weights - 1)] = '\0';
    if (!has(s->path, BIT_CHECKPOINT_MANIFEST))
        s->path[end - (sizeof weights - 1)] = '/';
    return 0;
}

static int take_manifest(struct bit_eval_subject *s)
{
    Bit__Manifest *manifest = NULL;
    int err = has(s->path, BIT_CHECKPOINT_MANIFEST) ? bit_manifest_read(s->path, &manifest) : 0;

    if (manifest == NULL) { /* not ours; the check of model.init_from reports what is wrong with it */
        s->describes_itself = has(s->path, "config.json");
        return err;
    }
    s->ternary = manifest->phase->precision == BIT__PRECISION__TERNARY;
    s->spec = manifest->spec;
    manifest->spec = NULL;
    bit_msg_free(manifest);
    return 0;
}

static int find_path(struct bit_cli *cli, const char *what, struct bit_eval_subject *s)
{
    int err = take_path(s, what);

    if (err == 0)
        err = take_manifest(s);
    if (err < 0)
        return bit_failure_print(cli, err);
    const char *slash = strrchr(s->path, '/');
    put_name(s, slash != NULL && slash[1] != '\0' ? slash + 1 : s->path, false, 0);
    return 0;
}

int bit_eval_subject_find(struct bit_cli *cli, const char *what, const uint64_t *step, struct bit_eval_subject *out)
{
    *out = (struct bit_eval_subject){.path = NULL};
    return is_path(what) ? find_path(cli, what, out) : find_run(cli, what, step, out);
}

void bit_eval_subject_finish(struct bit_eval_subject *s)
{
    free(s->path);
    bit_msg_free(s->spec);
}
