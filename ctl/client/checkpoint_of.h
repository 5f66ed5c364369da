/* Chooses a checkpoint of a run: the newest, or the one after a step. */
#ifndef BIT_CTL_CHECKPOINT_OF_H
#define BIT_CTL_CHECKPOINT_OF_H

#include "ctl/cli/verb.h"
#include "proto/bit.pb-c.h"

/**
 * Ask bitd for a run's checkpoints, and choose one; step NULL: the newest. *found points into *list, which the caller
 * owns (bit_msg_free), after an error, too.
 * Returns     0, or the exit code after the reason was printed: no such run, no checkpoint yet, or none of that step
 *             (with a list of the steps that there are)
 */
int bit_checkpoint_of(struct bit_cli *cli, const char *run, const uint64_t *step, Bit__CheckpointListReply **list,
                      const Bit__CheckpointInfo **found);

#endif
