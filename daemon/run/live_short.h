/* Short forms of what is changed of a run while it is there: "decay=N" and "weight_decay=X", as fields. Pure. */
#ifndef BIT_DAEMON_LIVE_SHORT_H
#define BIT_DAEMON_LIVE_SHORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/sys/argv.h"

struct bit_run;

/** Whether an assignment is one of them. */
bool bit_live_short_is(const char *assignment);
/**
 * The assignments of a change from step after_step + 1 on, with the short forms written out; the journal has these.
 *     decay=N          the run ends N steps after after_step, with a straight line from the rate r that step had to the
 *                      schedule's final rate e:   lr(after_step + k) = e + (r - e) (N - k) / N     (factors of the
 *                      switch apart, which go on)
 *     weight_decay=X   whichever of optimizer, switch and stage has the say from then on
 * out         empty before; the caller's to finish in any case
 * Errors      BIT_EUSAGE for no number; BIT_ESTATE where there is no such line; -ENOMEM
 */
int bit_live_short_write(const struct bit_run *run, uint64_t after_step, char *const *set, size_t count,
                         struct bit_argv *out);

#endif
