/* The ranges of a specification's numbers (bit_spec_range). */
#ifndef BIT_PROTO_SPEC_RANGES_H
#define BIT_PROTO_SPEC_RANGES_H

#include "proto/bit.pb-c.h"
#include "proto/text/problems.h"

/** Check every field that is present. Every problem is added. */
void bit_spec_ranges_check(const Bit__RunSpec *spec, struct bit_problems *problems);
/** Append to the problems from `first` on where a value comes from that the specification does not have itself. */
void bit_spec_ranges_name_origins(const Bit__RunSpec *spec, struct bit_problems *problems, int first);

#endif
