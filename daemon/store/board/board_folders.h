/* STATE/tensorboard: links to the runs' folders that are named after the runs, for `tensorboard --logdir`. */
#ifndef BIT_DAEMON_BOARD_FOLDERS_H
#define BIT_DAEMON_BOARD_FOLDERS_H

#include "daemon/run/run.h"

/** Make the link of a run, "NAME-r7", unless it exists. `state` is the state folder. Failures are only logged. */
void bit_board_folders_add(const char *state, const struct bit_run *run);
void bit_board_folders_remove(const char *state, const struct bit_run *run);
/** Remove the links of runs whose folders are gone. */
void bit_board_folders_clean(const char *state);

#endif
