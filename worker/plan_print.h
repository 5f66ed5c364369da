/* The plan of a run (memory, micro-batch, backend), for `bitctl submit --dry-run`: no MPI, nothing is allocated. */
#ifndef BIT_WORKER_PLAN_PRINT_H
#define BIT_WORKER_PLAN_PRINT_H

#include <errno.h>
#include <stdio.h>

/* The ranks will run on GPUs of other machines, and this machine has none, so it cannot plan for them. This is not a
 * fault of the specification: `bitworker --plan` ends with BIT_EXIT_UNAVAILABLE. */
#define BIT_PLAN_NOT_HERE (-ENXIO)

/**
 * Plan the specification in `path` for `ranks` ranks on this machine (0: the specification's) and write one
 * WORKER_READY frame of step 0 and epoch 0 to `to`.
 * Errors      BIT_ESPEC, with every problem on stderr; BIT_EMEMORY; BIT_PLAN_NOT_HERE; -errno
 */
int bit_plan_print(const char *path, int ranks, FILE *to);

#endif
