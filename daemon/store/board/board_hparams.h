/* A run's hyperparameters for TensorBoard: a file beside its scalars, rewritten when they change and at the end. */
#ifndef BIT_DAEMON_BOARD_HPARAMS_H
#define BIT_DAEMON_BOARD_HPARAMS_H

#include "daemon/run/run.h"

/** After applying a record: rewrite the file in the folder `dir` if the record changes it. Failures are only logged. */
void bit_board_hparams_note(const struct bit_run *run, const char *dir, const Bit__JournalRecord *record);

#endif
