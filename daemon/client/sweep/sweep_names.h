/* Finds the sweep that an id ("s1") or a name means. Several sweeps may have one name. */
#ifndef BIT_DAEMON_SWEEP_NAMES_H
#define BIT_DAEMON_SWEEP_NAMES_H

#include <stdbool.h>

struct bit_client;
struct bit_sweep;

/** Check the name of a new sweep. Errors: BIT_EUSAGE if it is empty, too long, or has the form of an id. */
int bit_sweep_names_check_new(const char *name);
/**
 * The sweep that a client's request names. Of several with a name it is the newest, one of the client's own if there is
 * one; for a change an ambiguous name is refused. NULL with the client refused, also if he may not change it.
 */
struct bit_sweep *bit_sweep_names_asked(struct bit_client *c, const char *which, bool change);

#endif
