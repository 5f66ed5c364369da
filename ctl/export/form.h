/* The forms in which a model leaves: what each can hold, who writes it and who reads it again. */
#ifndef BIT_CTL_EXPORT_FORM_H
#define BIT_CTL_EXPORT_FORM_H

#include <stdbool.h>

#include "ctl/export/numbers.h"

struct bit_export; /* export.h */

struct bit_export_form {
    const char *name;
    const char *summary;       /* a line of the help */
    unsigned types;            /* 1 << type for each that it takes */
    enum bit_number_type type; /* without --type */
    unsigned ternary;          /* 1 << type for each whose linears are codes and scales */
    bool
        runs; /* what was trained as codes leaves as codes, in every type: where that has none, as codes times scales */
    /** What a user of the export must know of the form; NULL, and its NULL: nothing. Static storage. */
    const char *(*note)(const struct bit_export *e);
    /** Of Hugging Face's: what config.json has besides (config is a json_t). NULL: nothing. */
    void (*configure)(const struct bit_export *e, void *config);
    bool rms_weights; /* of Hugging Face's: an inner RMSNorm has a weight, all ones */
    /** What this form has no place for: bit_fail with the reason and what would do. */
    int (*refuse)(const struct bit_export *e);
    /** Every file, into e->output. */
    int (*write)(struct bit_export *e);
    /** What was written, read again and compared with e->source. */
    int (*verify)(struct bit_export *e);
};

/** All of them, ended by one without a name. */
extern const struct bit_export_form bit_export_forms[];
/** NULL: there is none of that name. */
const struct bit_export_form *bit_export_form_find(const char *name);
bool bit_export_form_is_ternary(const struct bit_export_form *form, enum bit_number_type type);

#endif
