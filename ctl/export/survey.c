#include "ctl/export/survey.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "proto/check.h"
#include "proto/err.h"

/* A path that is not a checkpoint gets an explanation; one that cannot be accessed gets the system's error. */
static int check_folder(const char *folder)
{
    char path[BIT_PATH_MAX];
    struct stat st;

    if (stat(folder, &st) < 0)
        return bit_fail(-errno, "'%s'", folder);
    if (!S_ISDIR(st.st_mode))
        return bit_fail(BIT_EDATA, "'%s' is a file: a checkpoint is a folder with a " BIT_CHECKPOINT_MANIFEST, folder);
    if (snprintf(path, sizeof path, "%s/%s", folder, BIT_CHECKPOINT_MANIFEST) >= (int)sizeof path)
        return bit_fail(-ENAMETOOLONG, "'%s'", folder);
    if (stat(path, &st) < 0 && errno == ENOENT)
        return bit_fail(BIT_EDATA, "'%s' has no " BIT_CHECKPOINT_MANIFEST ": it is no checkpoint that a run wrote",
                        folder);
    return 0;
}

static int measure(struct bit_survey *s, const struct bit_exec *exec, int t, float *weights, int8_t *codes)
{
    const struct bit_tensor *tensor = &s->source.tensors[t];
    const uint64_t elements = (uint64_t)(tensor->rows * tensor->cols);
    int err = bit_source_read(&s->source, t, weights);

    if (err >= 0)
        err = bit_ternary_make(exec, s->source.manifest->spec->quantizer, tensor, weights, &s->ternary[t], codes);
    if (err < 0)
        return err;
    for (int i = 0; i < s->ternary[t].segments; i++)
        s->zeros += s->ternary[t].zeros[i];
    s->linear_elements += elements;
    return 0;
}

/* The number of elements in all matrices, and in the largest. */
static uint64_t count_linears(const struct bit_source *source, uint64_t *largest)
{
    uint64_t all = 0;

    *largest = 0;
    for (int t = 0; t < source->count; t++) {
        const uint64_t elements = (uint64_t)(source->tensors[t].rows * source->tensors[t].cols);
        if (!bit_tensor_is_linear(&source->tensors[t]))
            continue;
        *largest = BIT_MAX(*largest, elements);
        all += elements;
    }
    return all;
}

static int measure_all(struct bit_survey *s, const struct bit_exec *exec,
                       void (*progress)(void *arg, uint64_t done, uint64_t all), void *arg)
{
    uint64_t largest, all = count_linears(&s->source, &largest);
    float *weights = malloc(largest * sizeof *weights);
    int8_t *codes = malloc(largest);
    int err = weights == NULL || codes == NULL ? bit_fail(-ENOMEM, "a matrix of '%s'", s->source.path) : 0;

    for (int t = 0; t < s->source.count && err >= 0; t++) {
        if (!bit_tensor_is_linear(&s->source.tensors[t]))
            continue;
        err = measure(s, exec, t, weights, codes);
        if (progress != NULL)
            progress(arg, s->linear_elements * sizeof *weights, all * sizeof *weights);
    }
    free(weights);
    free(codes);
    return err;
}

int bit_survey_make(struct bit_survey *s, const char *folder, void (*progress)(void *arg, uint64_t done, uint64_t all),
                    void *arg)
{
    struct bit_exec exec;
    int err;

    *s = (struct bit_survey){.source = {.fd = -1}};
    err = check_folder(folder);
    if (err >= 0)
        err = bit_source_open(&s->source, folder);
    if (err >= 0 && (s->ternary = calloc((size_t)s->source.count, sizeof *s->ternary)) == NULL)
        err = bit_fail(-ENOMEM, "%d tensors", s->source.count);
    if (err < 0)
        return err;
    err = bit_exec_init(&exec, BIT_BACKEND_CPU, 0, 0);
    if (err < 0)
        return err;
    err = measure_all(s, &exec, progress, arg);
    bit_exec_finish(&exec);
    return err;
}

void bit_survey_finish(struct bit_survey *s)
{
    bit_source_finish(&s->source);
    free(s->ternary);
    *s = (struct bit_survey){.source = {.fd = -1}};
}
