/* Checks how the weights of a checkpoint were trained, as 16-bit numbers or as codes, and whether a form fits that. */
#ifndef BIT_CTL_EXPORT_TRAINED_H
#define BIT_CTL_EXPORT_TRAINED_H

#include <stddef.h>

struct bit_export;

/** Refuse to make codes of weights that were never trained as codes, unless --ternarise is given. Errors: -ENOTSUP */
int bit_trained_refuse(const struct bit_export *e);
/** What a user of the export must know about its weights, or else about its form; NULL: nothing. Static storage. */
const char *bit_trained_note(const struct bit_export *e);

#endif
