/* Ends every remaining process of a job. */
#ifndef BIT_DAEMON_REAP_H
#define BIT_DAEMON_REAP_H

#include <stdint.h>
#include <uv.h>

#include "daemon/sys/processes/proc.h"

typedef void bit_reap_done(void *arg);

/**
 * Send SIGTERM to every process of the job (SIGKILL if grace_ms is 0), SIGKILL to those that are left grace_ms later,
 * and repeat until there is none; then call done, always from the loop and never before this returns.
 * Ownership   run and link are copied; it frees itself
 * Errors      -ENOMEM; then done is not called
 */
int bit_reap_start(uv_loop_t *loop, const struct bit_proc_job *job, uint64_t grace_ms, bit_reap_done *done, void *arg);

#endif
