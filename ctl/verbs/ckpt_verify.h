/* `bitctl ckpt verify`: compares a checkpoint's bytes with its checksums. */
#ifndef BIT_CTL_CKPT_VERIFY_H
#define BIT_CTL_CKPT_VERIFY_H

#include "ctl/cli/verb.h"

/** Both print a verdict for each checkpoint, and return the exit code. */
int bit_ckpt_verify(struct bit_cli *cli, const char *folder);
/** All checkpoints of a run; the exit code is that of the last bad one. */
int bit_ckpt_verify_of_run(struct bit_cli *cli, const char *run);

#endif
