/* Finds further problems in a specification that already has some, so that all are reported at once. */
#ifndef BIT_PROTO_SPEC_MORE_PROBLEMS_H
#define BIT_PROTO_SPEC_MORE_PROBLEMS_H

#include "proto/bit.pb-c.h"
#include "proto/text/problems.h"

/**
 * Validate a specification that already has problems and was normalised as far as possible. Of the problems found, keep
 * only those of fields that are in the text and have no problem yet: the others may be consequences of known problems.
 * Then sort all problems.
 */
void bit_spec_more_problems(const Bit__RunSpec *spec, struct bit_problems *problems);

#endif
