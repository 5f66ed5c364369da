/* What else is wrong with a specification that has problems already, so that people see everything at once. */
#ifndef BIT_PROTO_SPEC_MORE_PROBLEMS_H
#define BIT_PROTO_SPEC_MORE_PROBLEMS_H

#include "proto/bit.pb-c.h"
#include "proto/text/problems.h"

/**
 * A specification has problems already, and has been filled as far as it could be. Validate it all the same, so that
 * people see everything at once; but of what that finds keep only what is wrong with a field that stands in the text
 * and has had no problem yet: the rest may only follow from what is known to be wrong. Then sort.
 */
void bit_spec_more_problems(const Bit__RunSpec *spec, struct bit_problems *problems);

#endif
