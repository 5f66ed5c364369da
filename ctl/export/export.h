/* One export: a checkpoint, a form, a folder. Written, read again, and only then named. */
#ifndef BIT_CTL_EXPORT_H
#define BIT_CTL_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl/export/form.h"
#include "ctl/export/output.h"
#include "ctl/export/source.h"
#include "ctl/export/ternary.h"

struct bit_export_options {
    const struct bit_export_form *form;
    enum bit_number_type type;
    const char *tokenizer;   /* a tokenizer.json, or NULL */
    const char *end_of_text; /* its token's text */
    uint64_t file_bytes;     /* of weights in a file, at most, if a tensor is not larger; hf's forms */
    bool ternarise;          /* make codes of weights that were not trained as codes */
    bool force;              /* replace an earlier export */
    void (*progress)(void *arg, uint64_t done, uint64_t all); /* elements, written and then read again; or NULL */
    void *arg;
};

/* What the functions of a form work on. */
struct bit_export {
    const struct bit_export_options *options; /* borrowed */
    const struct bit_export_form *form;
    enum bit_number_type type;
    bool ternary; /* the linears leave as codes and scales, or as their products */
    struct bit_source source;
    struct bit_exec exec; /* of the processor */
    struct bit_output output;
    /* Room for one tensor, whichever is the largest. */
    float *weights;
    int8_t *codes; /* ternary forms'; else NULL */
    uint64_t done;
};

/**
 * Export the checkpoint in `folder` to `path`. *e is finished by the caller, whatever came of it, and says what was
 * written until then.
 * Errors      -ENOTSUP, with what would do, where the form has no place for the model; bit_source_open's and
 *             bit_output_begin's; BIT_ENUMERIC naming the tensor that holds no number, or one above the type's range;
 *             BIT_ECORRUPT if what was written is not what was meant; -errno
 */
int bit_export_run(struct bit_export *e, const struct bit_export_options *options, const char *folder,
                   const char *path);
void bit_export_finish(struct bit_export *e);

#endif
