#include "proto/half.h"

#include <math.h>
#include <string.h>

#define SMALLEST_NORMAL 0x38800000u /* 2^-14, as a float's bits */
#define ROUNDS_TO_INF   0x477ff000u /* 65520 */

uint16_t bit_half_of(float f)
{
    uint32_t bits, sign;

    memcpy(&bits, &f, sizeof bits);
    sign = bits >> 16 & 0x8000;
    bits &= 0x7fffffff;
    if (bits >= ROUNDS_TO_INF)
        return (uint16_t)(sign | 0x7c00);
    if (bits < SMALLEST_NORMAL) /* in units of 2^-24; a result of 1024 is the encoding of the smallest normal number */
        return (uint16_t)(sign | (uint32_t)rintf(fabsf(f) * 0x1p24f));
    bits += 0xfff + (bits >> 13 & 1);
    return (uint16_t)(sign | (bits - (112u << 23)) >> 13);
}

float bit_half_value(uint16_t half)
{
    const int exponent = half >> 10 & 31, fraction = half & 1023;
    float v;

    if (exponent == 31)
        v = fraction == 0 ? INFINITY : NAN;
    else if (exponent == 0)
        v = ldexpf((float)fraction, -24);
    else
        v = ldexpf((float)(fraction + 1024), exponent - 25);
    return half & 0x8000 ? -v : v;
}
