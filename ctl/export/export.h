/* Exports one checkpoint in one form to a folder: written, read again, and only then given its name. */
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
    const char *end_of_text; /* the text of its end-of-text token */
    uint64_t file_bytes;     /* maximum size of a weight file, unless one tensor is larger; Hugging Face's forms only */
    bool ternarise;          /* also export weights as codes that were not trained as codes */
    bool force;              /* replace an earlier export */
    void (*progress)(void *arg, uint64_t done, uint64_t all); /* elements written and then read again; may be NULL */
    void *arg;
};

/* The state that the functions of a form work on. */
struct bit_export {
    const struct bit_export_options *options; /* borrowed */
    const struct bit_export_form *form;
    enum bit_number_type type;
    bool ternary; /* the linears are exported as codes and scales, or as their products */
    struct bit_source source;
    struct bit_exec exec; /* on the CPU */
    struct bit_output output;
    /* Memory for one tensor, enough for the largest. */
    float *weights;
    int8_t *codes; /* for a ternary export, else NULL */
    uint64_t done;
};

/**
 * Export the checkpoint in `folder` to `path`. The caller finishes *e, on failure too; until then it says what was
 * written.
 * Errors      -ENOTSUP, with a suggestion, if the form cannot hold the model; bit_source_open's and
 *             bit_output_begin's; BIT_ENUMERIC naming the tensor that holds a value that is not finite, or above the
 *             type's range; BIT_ECORRUPT if what was read again differs from what was written; -errno
 */
int bit_export_run(struct bit_export *e, const struct bit_export_options *options, const char *folder,
                   const char *path);
void bit_export_finish(struct bit_export *e);

#endif
