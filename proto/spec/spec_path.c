#include "proto/spec/spec.h"

#include <stdio.h>

#include "proto/ckpt/checkpoint.h"
#include "proto/data/sidecar.h"
#include "proto/spec/model_config.h"

/* The i-th of `count` paths; if there are fewer, NULL, with *i reduced by count. */
static const char *take(char *const *path, size_t count, size_t *i)
{
    if (*i < count)
        return path[*i];
    *i -= count;
    return NULL;
}

const char *bit_spec_path(const Bit__RunSpec *spec, size_t i)
{
    const Bit__DataSpec *data = spec->data;
    const Bit__EvalSpec *eval = spec->eval;
    const char *path = data ? take(data->train, data->n_train, &i) : NULL;

    for (size_t k = 0; data != NULL && k < data->n_source && path == NULL; k++)
        path = take(data->source[k]->path, data->source[k]->n_path, &i);
    for (size_t k = 0; eval != NULL && k < eval->n_set && path == NULL; k++)
        path = take(eval->set[k]->path, eval->set[k]->n_path, &i);
    return path != NULL || eval == NULL || i >= eval->n_task ? path : eval->task[i]->path;
}

size_t bit_spec_paths(const Bit__RunSpec *spec)
{
    size_t count = spec->data ? spec->data->n_train : 0;

    for (size_t k = 0; spec->data != NULL && k < spec->data->n_source; k++)
        count += spec->data->source[k]->n_path;
    for (size_t k = 0; spec->eval != NULL && k < spec->eval->n_set; k++)
        count += spec->eval->set[k]->n_path;
    return count + (spec->eval != NULL ? spec->eval->n_task : 0);
}

static bool init_path(const char *from, size_t which, char *out, size_t room)
{
    static const char *const within[BIT_SPEC_INIT_SHARDS] = {
        [BIT_SPEC_INIT_SELF] = "",
        [BIT_SPEC_INIT_MANIFEST] = "/" BIT_CHECKPOINT_MANIFEST,
        [BIT_SPEC_INIT_MODEL] = "/model.safetensors",
        [BIT_SPEC_INIT_INDEX] = "/" BIT_WEIGHT_INDEX,
        [BIT_SPEC_INIT_CONFIG] = "/" BIT_MODEL_CONFIG,
    };

    if (from == NULL || from[0] == '\0' || which >= BIT_SPEC_INIT_FILES)
        return false;
    const char *name = within[which < BIT_SPEC_INIT_SHARDS ? which : BIT_SPEC_INIT_INDEX];
    return (size_t)snprintf(out, room, "%s%s", from, name) < room;
}

bool bit_spec_shown_path(const Bit__RunSpec *spec, size_t i, char *out, size_t room, int *shard)
{
    const size_t files = bit_spec_paths(spec);

    *shard = -1;
    if (i < files)
        return (size_t)snprintf(out, room, "%s", bit_spec_path(spec, i)) < room;
    if (i < 2 * files)
        return bit_sidecar_path(bit_spec_path(spec, i - files), out, room) == 0;
    i -= 2 * files;
    if (i >= BIT_SPEC_INIT_SHARDS)
        *shard = (int)(i - BIT_SPEC_INIT_SHARDS);
    return spec->model != NULL && init_path(spec->model->init_from, i, out, room);
}
