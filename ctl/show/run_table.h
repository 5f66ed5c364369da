/* Runs as a table, for `ps` and `top`. */
#ifndef BIT_CTL_RUN_TABLE_H
#define BIT_CTL_RUN_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/bit.pb-c.h"

/** One a line, in the order given; width and most are bit_table_print's. */
void bit_run_table_print(FILE *f, Bit__RunStatus *const *run, size_t count, int width, size_t most);
/**
 * For a screen of so many columns and rows: how many are in which state; then the runs, those that train first, then
 * those that wait, those that stand, and what ended within the last day before now_ns, the newest first.
 */
void bit_run_table_page(FILE *f, Bit__RunStatus *const *run, size_t count, int columns, int rows, uint64_t now_ns);

#endif
