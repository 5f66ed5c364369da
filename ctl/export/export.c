#include "ctl/export/export.h"

#include <errno.h>
#include <stdlib.h>

#include "ctl/export/mark.h"
#include "ctl/export/trained.h"
#include "proto/check.h"
#include "proto/err.h"

static int allocate(struct bit_export *e)
{
    const size_t count = (size_t)e->source.largest;

    e->weights = malloc(count * sizeof *e->weights);
    e->codes = e->ternary ? malloc(count) : NULL;
    return e->weights == NULL || (e->ternary && e->codes == NULL) ? bit_fail(-ENOMEM, "a tensor of %zu elements", count)
                                                                  : 0;
}

static int write_and_verify(struct bit_export *e, const char *path)
{
    int err = bit_output_begin(&e->output, path, e->options->force);

    if (err < 0)
        return err;
    err = e->form->write(e);
    if (err >= 0)
        err = bit_mark_write(e);
    if (err >= 0)
        err = e->form->verify(e);
    return err < 0 ? err : bit_output_commit(&e->output);
}

int bit_export_run(struct bit_export *e, const struct bit_export_options *options, const char *folder, const char *path)
{
    int err;

    *e = (struct bit_export){
        .options = options,
        .form = options->form,
        .type = options->type,
        .ternary = bit_export_form_is_ternary(options->form, options->type),
        .source = {.fd = -1},
        .output = {.fd = -1},
    };
    err = bit_source_open(&e->source, folder);
    if (err >= 0 && e->form->runs && e->source.manifest->phase->precision != BIT__PRECISION__SIXTEEN_BIT)
        e->ternary = true;
    if (err >= 0)
        err = bit_trained_refuse(e);
    if (err >= 0)
        err = e->form->refuse(e);
    if (err >= 0)
        err = bit_exec_init(&e->exec, BIT_BACKEND_CPU, 0, 0);
    if (err >= 0)
        err = allocate(e);
    return err < 0 ? err : write_and_verify(e, path);
}

void bit_export_finish(struct bit_export *e)
{
    bit_output_finish(&e->output);
    bit_source_finish(&e->source);
    free(e->weights);
    free(e->codes);
    if (e->exec.threads > 0)
        bit_exec_finish(&e->exec);
    *e = (struct bit_export){.output = {.fd = -1}, .source = {.fd = -1}};
}
