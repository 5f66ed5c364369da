/* Which checkpoint a launch starts from: the newest that verifies. It must be this run's, have the journal's digests,
 * and be readable to its last byte. The search runs off the loop. */
#ifndef BIT_DAEMON_CHECKPOINT_SEARCH_H
#define BIT_DAEMON_CHECKPOINT_SEARCH_H

#include "daemon/store/runs/runner.h"

/* restore is a folder's name below checkpoints/, or "" to start from the beginning. err < 0, with its text, if the
 * launch cannot start: model.init_from changed, or a fork has no good checkpoint left. */
typedef void bit_checkpoint_search_done(void *arg, int err, const char *restore);

/**
 * Search the run's checkpoint folders, newest first, then call chosen from the loop. A checkpoint that does not verify
 * is renamed to *.bad and journalled; incomplete ones of other launches are removed; a good one that is not in the
 * journal is adopted. Steps that the journal does not have are skipped, because their reports would be missing for
 * ever.
 * Errors      -ENOMEM and libuv's; chosen is not called then
 */
int bit_checkpoint_search_start(struct bit_runner *r, bit_checkpoint_search_done *chosen, void *arg);

#endif
