/* The folders below STATE/runs, and which of them are runs. One folder is one run, under the name that bitd gave it. */
#ifndef BIT_DAEMON_FOLDERS_H
#define BIT_DAEMON_FOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * The numbers of the runs in the folder `runs`, ascending. A folder that a bitd killed during a submission left
 * incomplete is removed and logged; a folder whose name only looks like a run's is logged and left alone.
 * *out is heap, the caller's. Errors: -errno; -ENOMEM
 */
int bit_folders_list(const char *runs, uint64_t **out, size_t *count);

#endif
