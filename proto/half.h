/* IEEE's 16-bit floats. */
#ifndef BIT_PROTO_HALF_H
#define BIT_PROTO_HALF_H

#include <stdint.h>

#define BIT_HALF_MAX 65504.0f

/** Rounds to nearest, ties to even; infinity from 65520 on. f must not be NaN. */
uint16_t bit_half_of(float f);
/** Exact. */
float bit_half_value(uint16_t half);

#endif
