/* Which runs have yet to begin from a checkpoint of another, by model.init_from. */
#ifndef BIT_DAEMON_BEGINNINGS_H
#define BIT_DAEMON_BEGINNINGS_H

struct bit_runner;
struct bit_runs;

/**
 * A run that begins, or after a loss begins again, from checkpoint `name` of `parent`, or NULL: it has not ended, and
 * has no checkpoint of its own. It may wait in the queue behind `parent` itself.
 */
const struct bit_runner *bit_beginnings_find(const struct bit_runner *parent, const char *name);
/**
 * Before a run is added that begins from `path`, which was looked at a while ago: if it is in a checkpoint of one of
 * these runs, that checkpoint is still there, and stays once the run is added.
 * Errors      BIT_ESTATE: it was removed meanwhile, as newer ones are kept
 */
int bit_beginnings_check(const struct bit_runs *runs, const char *path);

#endif
