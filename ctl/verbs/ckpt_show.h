/* `bitctl ckpt show`: a checkpoint's figures and tensors. */
#ifndef BIT_CTL_CKPT_SHOW_H
#define BIT_CTL_CKPT_SHOW_H

#include "ctl/cli/verb.h"
#include "ctl/client/checkpoint_of.h"

/** Measure the checkpoint in `folder` and print it. Returns the exit code. */
int bit_ckpt_show(struct bit_cli *cli, const char *folder);
/** The same for a checkpoint of a run; step NULL: the newest. */
int bit_ckpt_show_of_run(struct bit_cli *cli, const char *run, const uint64_t *step);

#endif
