/* Finds the checkpoints of a run, and chooses one: the newest, or the one after a step. */
#ifndef BIT_CTL_CHECKPOINT_OF_H
#define BIT_CTL_CHECKPOINT_OF_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl/cli/verb.h"
#include "proto/bit.pb-c.h"
#include "proto/limits.h"

struct bit_checkpoint_choice {
    char run[BIT_RUN_ID_MAX]; /* the run's id */
    uint64_t step;
    bool newest; /* chosen because it was the newest; false: its step was named */
    Bit__Precision precision;
    char path[BIT_PATH_MAX];
};

/** Ask bitd for a run's checkpoints, by step, ascending. Returns 0, or the exit code after the reason was printed. */
int bit_checkpoint_of_list(struct bit_cli *cli, const char *run, Bit__CheckpointListReply **list);
/**
 * Ask bitd for a run's checkpoints, and choose one; step NULL: the newest.
 * Returns     0, or the exit code after the reason was printed: no such run, no checkpoint yet, or none of that step
 *             (with a list of the steps that there are)
 */
int bit_checkpoint_of(struct bit_cli *cli, const char *run, const uint64_t *step, struct bit_checkpoint_choice *out);

/**
 * Whether bitd still has the checkpoint. True also if bitd does not answer: then it is not known to be gone. err is
 * the failure after which the caller asks; its note (bit_fail) stays.
 */
bool bit_checkpoint_of_is_there(struct bit_cli *cli, const char *run, uint64_t step, int err);

/**
 * After the failure err with the chosen checkpoint: whether it was the newest and bitd has removed it since, because a
 * newer one was written. Then the caller chooses again. Prints that, and counts it in *tries: after five it returns
 * false, so that the failure is reported.
 */
bool bit_checkpoint_of_replaced(struct bit_cli *cli, const struct bit_checkpoint_choice *choice, unsigned *tries,
                                int err);

#endif
