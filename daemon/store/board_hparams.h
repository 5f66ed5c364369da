/* A run's hyperparameters for TensorBoard: a file beside its scalars, written again when they change and at the end. */
#ifndef BIT_DAEMON_BOARD_HPARAMS_H
#define BIT_DAEMON_BOARD_HPARAMS_H

#include "daemon/store/runner.h"

/** After a record was applied: write the file if it says more than before. Failures are logged, and cost that alone. */
void bit_board_hparams_note(const struct bit_runner *r, const Bit__JournalRecord *record);

#endif
