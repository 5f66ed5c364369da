#include "proto/spec/model_from.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/ckpt/manifest.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/regular_file.h"
#include "proto/spec/model_config.h"
#include "proto/wire/msg.h"

#define FIELD "model.from"

static int below(const char *folder, const char *name, char out[BIT_PATH_MAX])
{
    return snprintf(out, BIT_PATH_MAX, "%s/%s", folder, name) < BIT_PATH_MAX
               ? 0
               : bit_fail(-ENAMETOOLONG, "'%.200s...'", folder);
}

/* The architecture of a bitd checkpoint, from its run's specification. */
static int read_manifest(const char *folder, struct bit_model_config *out)
{
    Bit__Manifest *manifest = NULL;
    int err = bit_manifest_read(folder, &manifest);

    if (err < 0)
        return err;
    const Bit__ModelSpec *was = manifest->spec != NULL ? manifest->spec->model : NULL;
    if (was == NULL) {
        bit_msg_free(manifest);
        return bit_fail(BIT_ECORRUPT, "'%s/%s' does not describe a model", folder, BIT_CHECKPOINT_MANIFEST);
    }
    out->says = *was;
    out->says.preset = out->says.init_from = out->says.from = NULL;
    /* Initialisation and the types of computation are not part of the architecture. */
    out->says.has_init = out->says.has_init_std = out->says.has_init_seed = out->says.has_operands =
        out->says.has_residual = 0;
    out->says.base.n_unknown_fields = 0;
    out->says.base.unknown_fields = NULL;
    bit_msg_free(manifest);
    return 0;
}

static int read_config(const char *path, struct bit_model_config *out, struct bit_problems *problems)
{
    struct stat st;
    int fd = bit_regular_file_open(path, true, &st);

    if (fd < 0)
        return fd;
    int err = bit_model_config_read(fd, path, &st, FIELD, out, problems);
    close(fd);
    return err;
}

/* Explains why the architecture cannot be read from `folder`. */
static int explain(const char *folder, int err)
{
    if (err == -ENOTDIR)
        return bit_fail(
            BIT_EDATA,
            "'%s' is a file: name the folder that it is in, whose " BIT_MODEL_CONFIG " says the architecture", folder);
    if (access(folder, F_OK) == 0)
        return bit_fail(BIT_EDATA,
                        "'%s' has no " BIT_MODEL_CONFIG ", and is no checkpoint of bitd's, so its architecture is "
                        "unknown: set model.layers and the rest, and model.init_from",
                        folder);
    return bit_fail(BIT_EDATA, "'%s': there is no such folder", folder);
}

/* path becomes that of the file with the architecture. */
static int read_architecture(const char *folder, char path[BIT_PATH_MAX], struct bit_model_config *out,
                             struct bit_problems *problems)
{
    int err = below(folder, BIT_CHECKPOINT_MANIFEST, path);

    if (err >= 0 && access(path, F_OK) == 0)
        return read_manifest(folder, out);
    if (err >= 0)
        err = below(folder, BIT_MODEL_CONFIG, path);
    if (err >= 0)
        err = read_config(path, out, problems);
    return err == -ENOENT || err == -ENOTDIR ? explain(folder, err) : err;
}

static int set_init_from(Bit__ModelSpec *model)
{
    if (model->init_from != NULL && model->init_from[0] != '\0')
        return 0;
    free(model->init_from);
    model->init_from = strdup(model->from);
    return model->init_from == NULL ? bit_fail(-ENOMEM, FIELD) : 0;
}

static int take(Bit__ModelSpec *model, const char *folder, struct bit_problems *problems)
{
    struct bit_model_config config;
    char path[BIT_PATH_MAX];
    int err = read_architecture(folder, path, &config, problems);

    if (err >= 0)
        err = bit_model_config_fill(&config, path, model, problems);
    return err < 0 ? err : set_init_from(model);
}

int bit_model_from(Bit__RunSpec *spec, const char *directory, struct bit_problems *problems)
{
    Bit__ModelSpec *model = spec->model;
    const int known = problems->count;
    char folder[BIT_PATH_MAX];

    if (model == NULL || model->from == NULL || model->from[0] == '\0')
        return 0;
    if (model->preset != NULL) {
        bit_problems_add(problems, "model.preset", 0, 0,
                         "'%.64s' and model.from both give the architecture: leave one of them out", model->preset);
        return bit_fail(BIT_ESPEC, FIELD);
    }
    const bool relative = model->from[0] != '/' && directory != NULL && directory[0] != '\0';
    int err = relative ? below(directory, model->from, folder) : 0;
    if (err >= 0)
        err = take(model, relative ? folder : model->from, problems);
    if (err == BIT_ELIMIT)
        err = BIT_ECORRUPT;
    if (err < 0 && err != -ENOMEM && problems->count == known)
        bit_problems_add(problems, FIELD, 0, 0, "%s", bit_fail_text());
    return err < 0 ? bit_fail_within(err, FIELD) : 0;
}
