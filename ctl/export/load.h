/* A tensor at a time, from the checkpoint into the room that an export has for one. */
#ifndef BIT_CTL_EXPORT_LOAD_H
#define BIT_CTL_EXPORT_LOAD_H

#include "ctl/export/export.h"

/**
 * Tensor t into e->weights; of a linear in a ternary form also its codes into e->codes, and *out (else no segments).
 * Errors      BIT_ENUMERIC naming the place of what is no finite number; bit_source_read's; bit_ternary_make's
 */
int bit_load_tensor(struct bit_export *e, int t, struct bit_ternary *out);
/** So many elements more are written, or compared: the user is told. */
void bit_load_progress(struct bit_export *e, int64_t elements);

#endif
