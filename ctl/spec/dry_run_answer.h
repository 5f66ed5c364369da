/* Prints the answer of every dry run: of a specification, a fork or an evaluation, with bitd or without. */
#ifndef BIT_CTL_DRY_RUN_ANSWER_H
#define BIT_CTL_DRY_RUN_ANSWER_H

#include "ctl/cli/verb.h"
#include "proto/bit.pb-c.h"

/** On stdout, as text or with --json as JSON; with --quiet only its warnings, on stderr. */
void bit_dry_run_answer(const struct bit_cli *cli, const Bit__DryRunReply *reply);

#endif
