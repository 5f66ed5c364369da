/* Which checkpoints are kept. */
#ifndef BIT_DAEMON_CHECKPOINT_RETENTION_H
#define BIT_DAEMON_CHECKPOINT_RETENTION_H

#include <stdbool.h>

#include "daemon/store/runs/runner.h"

struct bit_runs;

/**
 * Whether a checkpoint is kept: if it is pinned, among the last keep_last (at least one), at a multiple of keep_every,
 * at a step of checkpoint.at, or the one before the switch. Pure. index is into run->checkpoints.list.
 */
bool bit_checkpoint_retention_keeps(const struct bit_run *run, size_t index);
/** Journal and remove those that are not kept and that no other run uses; the thread pool removes their files. */
void bit_checkpoint_retention_apply(struct bit_runner *r);
/** The same for one that a user removes. Errors: as bit_runner_try_record. */
int bit_checkpoint_retention_remove(struct bit_runner *r, const char *name, char *request_id, uint32_t uid);
/** Remove the folder of a checkpoint that is no longer in the journal; the thread pool removes its files. */
void bit_checkpoint_retention_drop(struct bit_runner *r, const char *name);
/**
 * When bitd starts: finish removals that an earlier bitd began; for runs that have ended, also remove incomplete
 * checkpoints, since no launch will do it.
 */
void bit_checkpoint_retention_finish(const struct bit_runs *runs);

#endif
