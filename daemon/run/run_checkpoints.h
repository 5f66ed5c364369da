/* Applies the records of checkpoints: asked for, written, pinned, removed, set aside. Pure. */
#ifndef BIT_DAEMON_RUN_CHECKPOINTS_H
#define BIT_DAEMON_RUN_CHECKPOINTS_H

#include "daemon/run/run.h"

/* Errors of all: -ENOMEM. */
int bit_run_apply_asked(struct bit_run *run, const Bit__CheckpointAsked *m);
int bit_run_apply_checkpoint(struct bit_run *run, const Bit__CheckpointReport *m, uint64_t time_ns);
int bit_run_apply_pinned(struct bit_run *run, const Bit__CheckpointPinned *m);
int bit_run_apply_removed(struct bit_run *run, const Bit__CheckpointRemoved *m);
int bit_run_apply_bad(struct bit_run *run, const Bit__CheckpointBad *m);

#endif
