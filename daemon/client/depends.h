/* Runs that begin from another run's checkpoint (model.init_from), and would miss it. */
#ifndef BIT_DAEMON_DEPENDS_H
#define BIT_DAEMON_DEPENDS_H

#include <stdbool.h>
#include <stddef.h>

struct bit_runner;

/**
 * Of the runs that begin from what lies in `below`, a folder of r's or "" for all of it, the ids ("r5, r6"): with
 * `need` those that have no checkpoint of their own yet and have not completed, so that a launch of them would read it;
 * else all of them. Empty: none. Reads their init.pb. Returns how many there are.
 */
size_t bit_depends_list(const struct bit_runner *r, const char *below, bool need, char *out, size_t room);

#endif
