/* Which checkpoint of a run is meant: the newest, or the one after a step. */
#ifndef BIT_CTL_CHECKPOINT_OF_H
#define BIT_CTL_CHECKPOINT_OF_H

#include "ctl/cli/verb.h"
#include "proto/bit.pb-c.h"

/**
 * Ask bitd which checkpoints a run has, and choose: with step NULL the newest. *found points into *list, which is the
 * caller's (bit_msg_free), after an error, too.
 * Returns     0, or the exit code of what was said: no such run, no checkpoint yet, or none of that step, with those
 *             that there are
 */
int bit_checkpoint_of(struct bit_cli *cli, const char *run, const uint64_t *step, Bit__CheckpointListReply **list,
                      const Bit__CheckpointInfo **found);

#endif
