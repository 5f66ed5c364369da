/* Which checkpoints stay. */
#ifndef BIT_DAEMON_CHECKPOINT_RETENTION_H
#define BIT_DAEMON_CHECKPOINT_RETENTION_H

#include <stdbool.h>

#include "daemon/store/runner.h"

/**
 * Whether a checkpoint stays: one that is pinned, the last keep_last (at least one), every keep_every-th step, the one
 * before the switch. Pure. index is into run->checkpoints.list.
 */
bool bit_checkpoint_retention_keeps(const struct bit_run *run, size_t index);
/** Journal and remove those that do not, and that no other run uses; their files go on the thread pool. */
void bit_checkpoint_retention_apply(struct bit_runner *r);
/** The same for one that somebody asked to be removed. Errors: as bit_runner_try_record. */
int bit_checkpoint_retention_remove(struct bit_runner *r, const char *name, char *request_id, uint32_t uid);
/** The folder of a checkpoint that the journal does not have any more. Its files go on the thread pool. */
void bit_checkpoint_retention_drop(struct bit_runner *r, const char *name);
/**
 * Remove what a bitd that is gone had begun to remove, and of a run that has ended also what is half: a run that is
 * taken back without a launch has nobody else to.
 */
void bit_checkpoint_retention_finish(struct bit_runner *r);

#endif
