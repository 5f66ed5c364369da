/* What a sweep was submitted as, as a text that can be submitted again. */
#ifndef BIT_CTL_SWEEP_TEXT_H
#define BIT_CTL_SWEEP_TEXT_H

#include "ctl/cli/verb.h"
#include "proto/bit.pb-c.h"

/**
 * Print bitd's answer, which has the specification that branches have in common, as a SweepSpec: a sweep's file, or
 * with cli->json an object. A branch of each run; the specification's paths become absolute.
 * Returns     0, or the exit code after the reason was said
 */
int bit_sweep_text_print(struct bit_cli *cli, Bit__SweepReply *s);

#endif
