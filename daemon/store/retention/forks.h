/* Which runs are forks of another run and still have its checkpoint. */
#ifndef BIT_DAEMON_FORKS_H
#define BIT_DAEMON_FORKS_H

#include <stdbool.h>

struct bit_runner;
struct bit_runs;

/**
 * Whether r is a fork of checkpoint `name` ("step-00000020"; NULL: of any) of run `parent` and still has or needs it.
 */
bool bit_forks_shares(const struct bit_runner *r, const char *parent, const char *name);
/** A run that shares this checkpoint of `parent`, or NULL. */
const struct bit_runner *bit_forks_find(const struct bit_runner *parent, const char *name);

#endif
