/* Prints what was submitted as a sweep, in a form that can be submitted again. */
#ifndef BIT_CTL_SWEEP_TEXT_H
#define BIT_CTL_SWEEP_TEXT_H

#include "ctl/cli/verb.h"
#include "proto/bit.pb-c.h"

/**
 * Print bitd's reply, which has the specification that all branches share, as a SweepSpec: a sweep's file, or with
 * cli->json an object. Each run becomes a single branch; the specification's paths become absolute.
 * Returns     0, or the exit code after the reason was printed
 */
int bit_sweep_text_print(struct bit_cli *cli, Bit__SweepReply *s);

#endif
