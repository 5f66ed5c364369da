/* Loads one tensor at a time from the checkpoint into the export's memory. */
#ifndef BIT_CTL_EXPORT_LOAD_H
#define BIT_CTL_EXPORT_LOAD_H

#include "ctl/export/export.h"

/**
 * Load tensor t into e->weights. For a linear in a ternary export, also make its codes in e->codes and fill in *out;
 * else *out has no segments.
 * Errors      BIT_ENUMERIC naming the position of a value that is not finite; bit_source_read's; bit_ternary_make's
 */
int bit_load_tensor(struct bit_export *e, int t, struct bit_ternary *out);
/** Report that so many more elements are written, or compared. */
void bit_load_progress(struct bit_export *e, int64_t elements);

#endif
