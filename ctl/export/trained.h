/* Whether the weights of a checkpoint are what a form takes them for: trained as 16-bit numbers, or as codes. */
#ifndef BIT_CTL_EXPORT_TRAINED_H
#define BIT_CTL_EXPORT_TRAINED_H

#include <stddef.h>

struct bit_export;

/** Codes of weights that were never trained as codes are made with --ternarise alone. Errors: -ENOTSUP */
int bit_trained_refuse(const struct bit_export *e);
/** What a user of the export must know of its weights, or else of its form; NULL: nothing. Static storage. */
const char *bit_trained_note(const struct bit_export *e);

#endif
