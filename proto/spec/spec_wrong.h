/* How the checks of a specification report. */
#ifndef BIT_PROTO_SPEC_WRONG_H
#define BIT_PROTO_SPEC_WRONG_H

#include "proto/text/problems.h"

/* Adds a problem to `problems`; its position is the one recorded for the field. */
#define WRONG(field, ...) bit_problems_add(problems, field, 0, 0, __VA_ARGS__)

#endif
