/*
 * Which numbers of runs were given: STATE/last_run holds the highest, so that none is given twice, whatever became of
 * the folder of the run that had it.
 */
#ifndef BIT_DAEMON_RUN_NUMBERS_H
#define BIT_DAEMON_RUN_NUMBERS_H

#include <stdint.h>

/** The highest that was ever given; 0 where none is kept. Errors: BIT_ECORRUPT for a file that holds none; -errno. */
int bit_run_numbers_load(const char *state, uint64_t *last);
/** Durable before it returns. Errors: -errno. */
int bit_run_numbers_keep(const char *state, uint64_t last);

#endif
