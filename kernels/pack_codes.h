/* Codes -1, 0, 1 in two bits each: the form in which ranks exchange them and checkpoints store them. */
#ifndef BIT_KERNELS_PACK_CODES_H
#define BIT_KERNELS_PACK_CODES_H

#include "kernels/exec/op.h"

BIT_OP_DECLARE(pack_codes);
/**
 * Four codes a byte, the first in the low bits, as code + 1. If count is not a multiple of 4, the last byte is padded
 * with code 0. With flips, packed holds the previous codes, and *flips += the number of codes that changed.
 * Shapes      codes (count); packed ((count + 3) / 4)
 */
struct bit_pack_codes_args {
    int64_t count;
    const int8_t *codes;
    uint8_t *packed;
    uint64_t *flips; /* NULL: packed is only written */
};

BIT_OP_DECLARE(unpack_codes);
/**
 * The inverse. *bad += the number of bytes with a pair of bits that is 3, which is no code; codes written for it are
 * undefined.
 * Shapes      packed ((count + 3) / 4); codes (count)
 */
struct bit_unpack_codes_args {
    int64_t count;
    const uint8_t *packed;
    int8_t *codes;
    uint64_t *bad;
};

/** How many of the four codes differ between two packed bytes. */
static inline int bit_pack_codes_differing(uint8_t a, uint8_t b)
{
    const unsigned bits = a ^ b;

    return __builtin_popcount((bits | bits >> 1) & 0x55);
}

/** pack_codes in the host's memory, for files. */
void bit_pack_codes_host(const int8_t *codes, int64_t count, uint8_t *packed);
/** The inverse. Returns BIT_ECORRUPT, with codes undefined, if a pair of bits is 3. */
int bit_unpack_codes_host(const uint8_t *packed, int64_t count, int8_t *codes);

#endif
