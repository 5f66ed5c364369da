/* TensorBoard scalars: one event file for each launch of a run. deploy/guide.md lists the tags. */
#ifndef BIT_DAEMON_TENSORBOARD_H
#define BIT_DAEMON_TENSORBOARD_H

#include "daemon/run/run.h"

struct bit_tensorboard;

/**
 * After applying a record: write its scalars into the file of this launch in the run's folder `dir`. *board is that
 * file, NULL if none is open; it is opened and closed here as necessary. Failures are logged once; only the curves are
 * lost.
 */
void bit_tensorboard_note(struct bit_tensorboard **board, const struct bit_run *run, const char *dir,
                          const Bit__JournalRecord *record);
void bit_tensorboard_flush(struct bit_tensorboard *board);
/** NULL is fine. */
void bit_tensorboard_close(struct bit_tensorboard *board);

#endif
