#include "proto/spec.h"

/* The i-th of `count` paths, or NULL with *i less by as many. */
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
    return path;
}
