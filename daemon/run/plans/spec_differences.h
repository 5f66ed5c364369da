/* Which fields of two specifications differ. Pure. */
#ifndef BIT_DAEMON_SPEC_DIFFERENCES_H
#define BIT_DAEMON_SPEC_DIFFERENCES_H

#include <stdbool.h>

#include "proto/bit.pb-c.h"

/* path: "phases.switch.at_step". A list counts as one field, and so does a message that only one of them has. */
typedef void bit_spec_differs(void *arg, const char *path);

/** Call differs for each differing field, in the order of bit.proto. */
void bit_spec_differences_find(const Bit__RunSpec *a, const Bit__RunSpec *b, bit_spec_differs *differs, void *arg);
/** Whether a path is this field or below it: "schedule.steps" is within "schedule". */
bool bit_spec_differences_is_within(const char *path, const char *field);

#endif
