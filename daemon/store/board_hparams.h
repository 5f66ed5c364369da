/* A run's hyperparameters for TensorBoard: a file beside its scalars, rewritten when they change and at the end. */
#ifndef BIT_DAEMON_BOARD_HPARAMS_H
#define BIT_DAEMON_BOARD_HPARAMS_H

#include "daemon/store/runner.h"

/** After applying a record: rewrite the file if the record changes it. Failures are only logged. */
void bit_board_hparams_note(const struct bit_runner *r, const Bit__JournalRecord *record);

#endif
