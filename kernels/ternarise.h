/* Weights to -1, 0, 1, and two bits each on the wire. */
#ifndef BIT_KERNELS_TERNARISE_H
#define BIT_KERNELS_TERNARISE_H
#include "kernels/op.h"

BIT_OP_DECLARE(ternarise);
/**
 * u = w scale, scale = 1 / max(eps, M|W|) in the backend's memory;  code = clamp(rint(u), -1, 1), half to even. codes
 * int8; out, the operand of products: u + strength (code - u) as out_dtype, the code itself at strength 1. Either may
 * be NULL. *zeros += how many codes are 0.
 */
struct bit_ternarise_args {
    int64_t count;
    const float *w;
    const float *scale;
    float strength;
    int8_t *codes;
    void *out;
    enum bit_dtype out_dtype;
    uint64_t *zeros; /* may be NULL */
};

BIT_OP_DECLARE(pack_codes);
/** Four codes a byte, the first in the low bits, code + 1; count need not divide by 4 (the rest is code 0). With flips,
 * packed holds as many codes of before, and *flips += how many differ from them.
 * Shapes      codes (count), packed ((count + 3) / 4) */
struct bit_pack_codes_args {
    int64_t count;
    const int8_t *codes;
    uint8_t *packed;
    uint64_t *flips; /* NULL: what packed held is not read */
};

BIT_OP_DECLARE(unpack_codes);
/** Back again: codes (count) int8. *bad += how many bytes hold a pair that is 3, which is no code: what is written for
 * it is undefined. */
struct bit_unpack_codes_args {
    int64_t count;
    const uint8_t *packed;
    int8_t *codes;
    uint64_t *bad;
};

/** How many of the codes of two bytes differ. */
static inline int bit_ternary_differing(uint8_t a, uint8_t b)
{
    const unsigned bits = a ^ b;

    return __builtin_popcount((bits | bits >> 1) & 0x55);
}

/** pack on the host, for files. */
void bit_ternary_pack(const int8_t *codes, int64_t count, uint8_t *packed);
/** Back again. Returns BIT_ECORRUPT, with codes undefined, if a pair of bits is 3. */
int bit_ternary_unpack(const uint8_t *packed, int64_t count, int8_t *codes);
#endif
