/* A sweep where a verb takes a run: its id ("s1"), or its name. */
#ifndef BIT_CTL_SWEEP_WORD_H
#define BIT_CTL_SWEEP_WORD_H

#include "ctl/cli/verb.h"
#include "proto/bit.pb-c.h"
#include "proto/limits.h"

/**
 * Whether `word` means a sweep. A name that a run has, too, means neither.
 * Returns     0: a run, or nothing that bitd knows; -1 with its id; or the exit code after the mistake was said
 */
int bit_sweep_word(struct bit_cli *cli, const char *word, char id[BIT_RUN_ID_MAX]);
/** Ask for it. Returns 0 with *reply, or the exit code after bitd's refusal was said. */
int bit_sweep_word_ask(struct bit_cli *cli, const char *id, Bit__SweepReply **reply);
/**
 * Pause, resume, cancel or remove it, and say what it is then: with `wait`, once no run of it trains any more.
 * Returns the exit code.
 */
int bit_sweep_word_change(struct bit_cli *cli, const char *id, Bit__SweepChange change, bool now, bool wait);

#endif
