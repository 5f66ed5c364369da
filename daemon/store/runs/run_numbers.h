/*
 * The numbers given to runs: STATE/last_run holds the highest, so that none is given twice, even if the run's folder is
 * gone.
 */
#ifndef BIT_DAEMON_RUN_NUMBERS_H
#define BIT_DAEMON_RUN_NUMBERS_H

#include <stdint.h>

/** The highest number given; 0 if the file is missing. Errors: BIT_ECORRUPT if the file holds no number; -errno. */
int bit_run_numbers_load(const char *state, uint64_t *last);
/** Durable before it returns. Errors: -errno. */
int bit_run_numbers_keep(const char *state, uint64_t last);

#endif
