/* The conditions of `bitctl ps --where`: state, tag, name, sweep, or any field of the specification. */
#ifndef BIT_DAEMON_RUN_FILTER_H
#define BIT_DAEMON_RUN_FILTER_H

#include <stdbool.h>

#include "proto/bit.pb-c.h"

struct bit_runner;

/** Check that the conditions are valid. Errors: BIT_EUSAGE with the reason. */
int bit_run_filter_check(const Bit__ListRequest *m);
/** Whether each of them holds of the run. */
bool bit_run_filter_holds(const Bit__ListRequest *m, const struct bit_runner *r);
/** Whether one of them names a final state, so that ended runs must be listed, too. */
bool bit_run_filter_wants_ended(const Bit__ListRequest *m);

#endif
