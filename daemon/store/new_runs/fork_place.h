/* A fork's folder: the parent's checkpoint as hard links, and the parent's facts for the comparison. */
#ifndef BIT_DAEMON_FORK_PLACE_H
#define BIT_DAEMON_FORK_PLACE_H

struct bit_fork_origin;
struct bit_runner;

/**
 * Fill the folder of a new run that has no record yet: hard links to the checkpoint's files, so that no byte is copied
 * and nothing depends on the parent any more; fork.pb; and the parent's data.pb, if the fork reads the same token
 * files.
 * Errors      -errno; if the file system has no hard links, the text says so
 */
int bit_fork_place(const struct bit_fork_origin *o, struct bit_runner *fork);

#endif
