/* The forms in which a model can be exported: what each can hold, and the functions that write and verify it. */
#ifndef BIT_CTL_EXPORT_FORM_H
#define BIT_CTL_EXPORT_FORM_H

#include <stdbool.h>

#include "ctl/export/numbers.h"

struct bit_export; /* export.h */

struct bit_export_form {
    const char *name;
    const char *summary;       /* one line for the help */
    unsigned types;            /* bit set of the types that it takes: 1 << type */
    enum bit_number_type type; /* the default of --type */
    unsigned ternary;          /* bit set of the types whose linears are codes and scales */
    bool runs; /* weights trained as codes are exported as codes; types without codes hold codes times scales */
    /** What a user of the export must know about the form. NULL, or a NULL result: nothing. Static storage. */
    const char *(*note)(const struct bit_export *e);
    /** Hugging Face's forms: adds keys to config.json (config is a json_t). NULL: none. */
    void (*configure)(const struct bit_export *e, void *config);
    bool rms_weights; /* Hugging Face's forms: an inner RMSNorm has a weight, all ones */
    /** Refuses what this form cannot hold: bit_fail with the reason and a suggestion. */
    int (*refuse)(const struct bit_export *e);
    /** Writes every file into e->output. */
    int (*write)(struct bit_export *e);
    /** Reads the files again and compares them with e->source. */
    int (*verify)(struct bit_export *e);
};

/** All forms; the last entry has no name. */
extern const struct bit_export_form bit_export_forms[];
/** NULL: there is no form of that name. */
const struct bit_export_form *bit_export_form_find(const char *name);
bool bit_export_form_is_ternary(const struct bit_export_form *form, enum bit_number_type type);

#endif
