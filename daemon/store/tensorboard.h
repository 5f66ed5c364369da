/* TensorBoard scalars: one event file for each launch of a run. deploy/guide.md lists the tags. */
#ifndef BIT_DAEMON_TENSORBOARD_H
#define BIT_DAEMON_TENSORBOARD_H

#include "daemon/store/runner.h"

/**
 * Write the scalars of a journal record, opening the file first if necessary. Failures are logged once; only the curves
 * are lost.
 */
void bit_tensorboard_note(struct bit_runner *r, const Bit__JournalRecord *record);
void bit_tensorboard_flush(struct bit_tensorboard *board);
/** NULL is fine. */
void bit_tensorboard_close(struct bit_tensorboard *board);

#endif
