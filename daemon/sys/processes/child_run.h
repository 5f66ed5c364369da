/* Runs a short command to its end without blocking the loop: squeue, sbatch, bitworker --plan. */
#ifndef BIT_DAEMON_CHILD_RUN_H
#define BIT_DAEMON_CHILD_RUN_H

#include <stdint.h>
#include <uv.h>

#include "proto/child_output.h"

/* `result` is valid during the call only. */
typedef void bit_child_output_done(void *arg, const struct bit_child_output *result);

/**
 * Run argv[0] (from PATH if it has no slash) with empty input, for timeout_ms at most. done is always called, from the
 * loop and never before this returns.
 * Ownership   argv is not needed afterwards
 * Errors      -ENOMEM; done is not called then
 */
int bit_child_run(uv_loop_t *loop, char *const *argv, uint64_t timeout_ms, bit_child_output_done *done, void *arg);

#endif
