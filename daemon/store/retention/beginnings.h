/* Which runs have yet to begin from a checkpoint of another run, by model.init_from. */
#ifndef BIT_DAEMON_BEGINNINGS_H
#define BIT_DAEMON_BEGINNINGS_H

struct bit_runner;
struct bit_runs;

/**
 * A run that begins, or after a loss begins again, from checkpoint `name` of `parent`, or NULL. It has not ended and
 * has no checkpoint of its own; it may wait in the queue for `parent` itself.
 */
const struct bit_runner *bit_beginnings_find(const struct bit_runner *parent, const char *name);
/**
 * Before adding a run that begins from `path`, which was checked some time ago: if `path` is in a checkpoint of one of
 * these runs, make sure that the checkpoint still exists. Once the run is added, retention keeps it.
 * Errors      BIT_ESTATE: it was removed meanwhile, as newer ones are kept
 */
int bit_beginnings_check(const struct bit_runs *runs, const char *path);

#endif
