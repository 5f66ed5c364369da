/* Which sweep is meant: an id ("s1"), or a name, which several may have. */
#ifndef BIT_DAEMON_SWEEP_NAMES_H
#define BIT_DAEMON_SWEEP_NAMES_H

#include <stdbool.h>

struct bit_client;
struct bit_sweep;

/** Errors: BIT_EUSAGE for one that is empty, too long, or one that an id may have. */
int bit_sweep_names_check_new(const char *name);
/**
 * The sweep that a client's request names: of several of a name the newest of his own, and none if it is to be changed.
 * NULL with the client refused, also where he may not change it.
 */
struct bit_sweep *bit_sweep_names_asked(struct bit_client *c, const char *which, bool change);

#endif
