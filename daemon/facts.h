/* What a run's token files were when it first read them: held against what they are whenever they are opened anew. */
#ifndef BIT_DAEMON_FACTS_H
#define BIT_DAEMON_FACTS_H

#include <stddef.h>

#include "proto/shards.h"

/**
 * Compare size, modification time and inode of every file of the sets, in order, with what is kept at `path`; written
 * there if nothing is.
 * Errors      BIT_EDATA naming the first file that is another now; BIT_ECORRUPT; -errno; -ENOMEM
 */
int bit_facts_check(struct bit_shards *const *sets, size_t count, const char *path);

#endif
