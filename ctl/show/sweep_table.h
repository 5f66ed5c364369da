/* Sweeps as a table. */
#ifndef BIT_CTL_SWEEP_TABLE_H
#define BIT_CTL_SWEEP_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "proto/bit.pb-c.h"

/** A line for each sweep, of at most `width` characters; 0: any. */
void bit_sweep_table_print(FILE *f, Bit__SweepReply *const *sweep, size_t count, int width);

#endif
