/* STATE/tensorboard: links to the runs' folders that are named after the runs, for `tensorboard --logdir`. */
#ifndef BIT_DAEMON_BOARD_FOLDERS_H
#define BIT_DAEMON_BOARD_FOLDERS_H

#include "daemon/store/runner.h"

/** Make the link of a run, "NAME-r7", unless it exists. Failures are only logged. */
void bit_board_folders_add(const struct bit_runner *r);
void bit_board_folders_remove(const struct bit_runner *r);
/** Remove the links of runs whose folders are gone. */
void bit_board_folders_clean(const char *state);

#endif
