/* `bitctl ckpt show`: a checkpoint's figures and tensors. */
#ifndef BIT_CTL_CKPT_SHOW_H
#define BIT_CTL_CKPT_SHOW_H

#include "ctl/cli/verb.h"

/** Measure the checkpoint in `folder` and print it. Returns the exit code. */
int bit_ckpt_show(struct bit_cli *cli, const char *folder);

#endif
