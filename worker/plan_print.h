/* What a run would take, for `bitctl submit --dry-run`: no MPI, nothing allocated. */
#ifndef BIT_WORKER_PLAN_PRINT_H
#define BIT_WORKER_PLAN_PRINT_H

#include <errno.h>
#include <stdio.h>

/* The ranks will be on GPUs of other machines, and this one has none: nothing is said against the specification, and
 * `bitworker --plan` ends with BIT_EXIT_UNAVAILABLE. */
#define BIT_PLAN_NOT_HERE (-ENXIO)

/**
 * Plan the specification in `path` for `ranks` ranks on this machine (0: the specification's) and write one
 * WORKER_READY frame of step 0 and epoch 0 to `to`.
 * Errors      BIT_ESPEC, with every problem on stderr; BIT_EMEMORY; BIT_PLAN_NOT_HERE; -errno
 */
int bit_plan_print(const char *path, int ranks, FILE *to);

#endif
