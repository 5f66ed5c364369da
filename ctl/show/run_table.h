/* Runs as a table, for `ps` and `top`. */
#ifndef BIT_CTL_RUN_TABLE_H
#define BIT_CTL_RUN_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/bit.pb-c.h"

/** A line for each run, in the order given. width, most: as in bit_table_print. */
void bit_run_table_print(FILE *f, Bit__RunStatus *const *run, size_t count, int width, size_t most);
/**
 * A page of `columns` and `rows`: how many runs are in which state, then the runs: first those under way, then queued
 * ones, then paused and blocked ones, then those that ended within 24 hours before now_ns, the newest first.
 */
void bit_run_table_page(FILE *f, Bit__RunStatus *const *run, size_t count, int columns, int rows, uint64_t now_ns);

#endif
