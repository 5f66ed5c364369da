/*
 * The table of what each part of 1.58 bits costs alone: losses of held-out sets, and the difference to the 16-bit loss.
 */
#ifndef BIT_CTL_DAMAGE_TABLE_H
#define BIT_CTL_DAMAGE_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "proto/bit.pb-c.h"

/** A row for each evaluation, in the order given, in at most `width` columns; 0: any. */
void bit_damage_table_print(FILE *f, Bit__EvaluateReport *const *report, size_t count, int width);

#endif
