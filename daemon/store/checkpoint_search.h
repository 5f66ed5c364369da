/* Which checkpoint a launch starts from: the newest that verifies, off the loop: of this run, with the journal's
 * digest, and read to its last byte. */
#ifndef BIT_DAEMON_CHECKPOINT_SEARCH_H
#define BIT_DAEMON_CHECKPOINT_SEARCH_H

#include "daemon/store/runner.h"

/* restore is a folder's name below checkpoints/, or "" to start from the beginning; err < 0, with its note, if that is
 * model.init_from and not what it was. */
typedef void bit_checkpoint_search_done(void *arg, int err, const char *restore);

/**
 * Look through the run's checkpoint folders from the newest down. One that does not verify is renamed to *.bad and
 * journalled; what other launches left half-written is removed; a good one that the journal missed is adopted. Steps
 * that the journal does not hold are not gone to: their reports would be missing for ever.
 * Then call chosen from the loop. Errors: -ENOMEM; chosen is not called then.
 */
int bit_checkpoint_search_start(struct bit_runner *r, bit_checkpoint_search_done *chosen, void *arg);

#endif
