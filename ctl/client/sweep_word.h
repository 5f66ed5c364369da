/* A sweep given to a verb that takes runs: its id ("s1"), or its name. */
#ifndef BIT_CTL_SWEEP_WORD_H
#define BIT_CTL_SWEEP_WORD_H

#include "ctl/cli/verb.h"
#include "proto/bit.pb-c.h"
#include "proto/limits.h"

/**
 * Whether `word` is a sweep. A name that a run has, too, is a mistake.
 * Returns     0: a run, or unknown to bitd; -1 with its id: a sweep; or the exit code after the mistake was printed
 */
int bit_sweep_word(struct bit_cli *cli, const char *word, char id[BIT_RUN_ID_MAX]);
/** Ask bitd for a sweep. Returns 0 with *reply, or the exit code after bitd's refusal was printed. */
int bit_sweep_word_ask(struct bit_cli *cli, const char *id, Bit__SweepReply **reply);
/**
 * Pause, resume, cancel or remove a sweep, and print its state then. wait: after a pause or cancel, first wait until
 * none of its runs trains any more. Returns the exit code.
 */
int bit_sweep_word_change(struct bit_cli *cli, const char *id, Bit__SweepChange change, bool now, bool wait);

#endif
