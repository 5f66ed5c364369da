/* Short forms of changes to a run that has begun: "decay=N" and "weight_decay=X", written out as fields. Pure. */
#ifndef BIT_DAEMON_LIVE_SHORT_H
#define BIT_DAEMON_LIVE_SHORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/sys/lists/argv.h"

struct bit_run;

/** Whether an assignment is a short form. */
bool bit_live_short_is(const char *assignment);
/**
 * The assignments of a change from step after_step + 1 on, with the short forms written out; these are journalled.
 *     decay=N          the run ends N steps after after_step, with a straight line from the rate r that step had to the
 *                      schedule's final rate e:   lr(after_step + k) = e + (r - e) (N - k) / N     (factors of the
 *                      switch apart, which stay in effect)
 *     weight_decay=X   sets it in optimizer, and in switch and stage where the run has them
 * out         empty before; the caller finishes it in any case
 * Errors      BIT_EUSAGE for a bad N, or decay beside a field of schedule; BIT_ESTATE if no such line exists; -ENOMEM
 */
int bit_live_short_write(const struct bit_run *run, uint64_t after_step, char *const *set, size_t count,
                         struct bit_argv *out);

#endif
