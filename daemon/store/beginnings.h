/* Which runs have yet to begin from a checkpoint of another, by model.init_from. */
#ifndef BIT_DAEMON_BEGINNINGS_H
#define BIT_DAEMON_BEGINNINGS_H

struct bit_runner;

/**
 * A run that begins, or after a loss begins again, from checkpoint `name` of `parent`, or NULL: it has not ended, and
 * has no checkpoint of its own. It may wait in the queue behind `parent` itself.
 */
const struct bit_runner *bit_beginnings_find(const struct bit_runner *parent, const char *name);

#endif
