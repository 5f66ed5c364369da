/* What a run would take, for `bitctl submit --dry-run`: no MPI, nothing allocated. */
#ifndef BIT_WORKER_PLAN_PRINT_H
#define BIT_WORKER_PLAN_PRINT_H

#include <stdio.h>

/**
 * Plan the specification in `path` for `ranks` ranks on this machine (0: the specification's) and write one
 * WORKER_READY frame of step 0 and epoch 0 to `to`.
 * Errors      BIT_ESPEC, with every problem on stderr; BIT_EMEMORY; -errno
 */
int bit_plan_print(const char *path, int ranks, FILE *to);

#endif
