#include "ctl/export/load.h"

#include <inttypes.h>
#include <math.h>

#include "proto/err.h"

static int load_numbers(struct bit_export *e, int t)
{
    const struct bit_tensor *tensor = &e->source.tensors[t];
    const int64_t count = tensor->rows * tensor->cols;
    int err = bit_source_read(&e->source, t, e->weights);

    for (int64_t i = 0; i < count && err >= 0; i++)
        if (!isfinite(e->weights[i]))
            err = bit_fail(BIT_ENUMERIC, "tensor '%s', row %" PRId64 ", column %" PRId64, tensor->name,
                           i / tensor->cols, i % tensor->cols);
    return err;
}

int bit_load_tensor(struct bit_export *e, int t, struct bit_ternary *out)
{
    const struct bit_tensor *tensor = &e->source.tensors[t];
    int err = load_numbers(e, t);

    *out = (struct bit_ternary){0};
    if (err < 0 || !e->ternary || !bit_tensor_is_linear(tensor))
        return err;
    return bit_ternary_make(&e->exec, e->source.manifest->spec->quantizer, tensor, e->weights, out, e->codes);
}

void bit_load_progress(struct bit_export *e, int64_t elements)
{
    const uint64_t all = 2 * (uint64_t)bit_checkpoint_elements(e->source.tensors, e->source.count);

    e->done += (uint64_t)elements;
    if (e->options->progress != NULL)
        e->options->progress(e->options->arg, e->done, all);
}
