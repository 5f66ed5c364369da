/* Codes in two bits each, in host memory. */
#include "kernels/pack_codes.h"

#include <string.h>

#include "proto/err.h"

void bit_pack_codes_host(const int8_t *codes, int64_t count, uint8_t *packed)
{
    const int64_t whole = count / 4;

    for (int64_t i = 0; i < whole; i++) {
        const int8_t *c = codes + 4 * i;
        packed[i] = (uint8_t)((c[0] + 1) | (c[1] + 1) << 2 | (c[2] + 1) << 4 | (c[3] + 1) << 6);
    }
    if (count % 4 > 0) {
        int8_t rest[4] = {0, 0, 0, 0};
        memcpy(rest, codes + 4 * whole, (size_t)(count % 4));
        bit_pack_codes_host(rest, 4, packed + whole);
    }
}

/* Non-zero if a pair of bits is 3: only then are both its bits set. */
static uint8_t threes(uint8_t byte)
{
    return byte & byte >> 1 & 0x55;
}

int bit_unpack_codes_host(const uint8_t *packed, int64_t count, int8_t *codes)
{
    const int64_t bytes = (count + 3) / 4;
    uint8_t bad = 0;

    for (int64_t i = 0; i < bytes; i++)
        bad |= threes(packed[i]);
    if (bad != 0) {
        int64_t at = 0;
        while (threes(packed[at]) == 0)
            at++;
        return bit_fail(BIT_ECORRUPT, "packed codes: byte %ld is 0x%02x, and no code is 3", (long)at, packed[at]);
    }
    for (int64_t i = 0; i < count; i++)
        codes[i] = (int8_t)((packed[i / 4] >> 2 * (i % 4) & 3) - 1);
    return 0;
}
