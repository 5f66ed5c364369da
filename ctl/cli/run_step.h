/* "r7@4000": how every verb names a checkpoint of a run. */
#ifndef BIT_CTL_RUN_STEP_H
#define BIT_CTL_RUN_STEP_H

#include <stddef.h>
#include <stdint.h>

/**
 * Returns the length of the run's name before "@STEP", and the step in *step. Returns 0, and does not write *step, if
 * the word names no step, as "r7", "@last" and every path.
 */
size_t bit_run_step_parse(const char *word, uint64_t *step);
/** "4k" of "r7@4k": what stands where a step should. NULL if the word has a step, or is a run's name or a path. */
const char *bit_run_step_wrong(const char *word);

#endif
