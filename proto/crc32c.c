/*
 * The CRC of a message M is the remainder of M(x) x^32 by the polynomial P, with bits in reflected order. Two facts
 * make it fast. The crc32 instruction takes eight bytes per cycle with a latency of three cycles, so three independent
 * lanes keep it busy. The lanes are joined by linearity: crc(a b) = crc(a) x^(8 |b|) mod P + crc(b), where the product
 * is one carry-less multiplication and the reduction is the crc32 instruction itself.
 * Source      Gopal et al., "Fast CRC Computation for iSCSI Polynomial Using CRC32 Instruction" (Intel, 2011)
 */
#include "proto/crc32c.h"

#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u /* Castagnoli, reflected */
#define LANE_BYTES 1024u

typedef uint32_t crc_fn(uint32_t crc, const uint8_t *data, size_t bytes);

static uint32_t table[8][256];
static crc_fn *update;

static uint64_t load64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static uint32_t load32_le(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Eight bytes per iteration: table[k][b] is the CRC of byte b followed by k zero bytes. */
static uint32_t update_table(uint32_t crc, const uint8_t *data, size_t bytes)
{
    for (; bytes >= 8; data += 8, bytes -= 8) {
        uint32_t low = crc ^ load32_le(data), high = load32_le(data + 4);
        crc = table[7][low & 0xff] ^ table[6][low >> 8 & 0xff] ^ table[5][low >> 16 & 0xff] ^ table[4][low >> 24] ^
              table[3][high & 0xff] ^ table[2][high >> 8 & 0xff] ^ table[1][high >> 16 & 0xff] ^ table[0][high >> 24];
    }
    for (; bytes > 0; data++, bytes--)
        crc = table[0][(crc ^ *data) & 0xff] ^ crc >> 8;
    return crc;
}

static void fill_tables(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        table[0][b] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (int b = 0; b < 256; b++)
            table[k][b] = table[0][table[k - 1][b] & 0xff] ^ table[k - 1][b] >> 8;
}

#ifdef __x86_64__

#include <immintrin.h>

static uint64_t shift_one_lane, shift_two_lanes;

/* x^n mod P in reflected order, where bit 31 is x^0. */
static uint32_t power_of_x(unsigned n)
{
    uint32_t r = 1u << 31;

    while (n-- > 0)
        r = r >> 1 ^ (r & 1 ? POLYNOMIAL : 0);
    return r;
}

__attribute__((target("sse4.2"))) static uint32_t update_one_lane(uint32_t crc, const uint8_t *data, size_t bytes)
{
    uint64_t wide = crc;

    for (; bytes >= 8; data += 8, bytes -= 8)
        wide = _mm_crc32_u64(wide, load64(data));
    crc = (uint32_t)wide;
    for (; bytes > 0; data++, bytes--)
        crc = _mm_crc32_u8(crc, *data);
    return crc;
}

/* The crc32 instruction multiplies by x^32, and the product of two reflected 32-bit words has 63 bits, which shifts it
 * by one more. Hence the -33 in choose_x86. */
__attribute__((target("sse4.2,pclmul"))) static uint64_t shift(uint64_t crc, uint64_t by)
{
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)crc), _mm_cvtsi64_si128((int64_t)by), 0);

    return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t update_three_lanes(uint32_t crc, const uint8_t *data,
                                                                            size_t bytes)
{
    for (; bytes >= 3 * LANE_BYTES; data += 3 * LANE_BYTES, bytes -= 3 * LANE_BYTES) {
        uint64_t a = crc, b = 0, c = 0;
        for (size_t i = 0; i < LANE_BYTES; i += 8) {
            a = _mm_crc32_u64(a, load64(data + i));
            b = _mm_crc32_u64(b, load64(data + LANE_BYTES + i));
            c = _mm_crc32_u64(c, load64(data + 2 * LANE_BYTES + i));
        }
        crc = (uint32_t)(shift(a, shift_two_lanes) ^ shift(b, shift_one_lane) ^ c);
    }
    return update_one_lane(crc, data, bytes);
}

static void choose_x86(void)
{
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("sse4.2"))
        return;
    update = update_one_lane;
    if (!__builtin_cpu_supports("pclmul"))
        return;
    shift_one_lane = power_of_x(8 * LANE_BYTES - 33);
    shift_two_lanes = power_of_x(16 * LANE_BYTES - 33);
    update = update_three_lanes;
}

#endif

/* Runs before main, hence before threads. */
__attribute__((constructor)) static void choose(void)
{
    fill_tables();
    update = update_table;
#ifdef __x86_64__
    choose_x86();
#endif
}

uint32_t bit_crc32c(uint32_t crc, const void *data, size_t bytes)
{
    return ~update(~crc, data, bytes);
}

uint32_t bit_crc32c_portable(uint32_t crc, const void *data, size_t bytes)
{
    return ~update_table(~crc, data, bytes);
}

/* ---- joining */

/* The product of two remainders mod P, in reflected order. */
static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;

    for (; a != 0; a <<= 1, b = b >> 1 ^ (b & 1 ? POLYNOMIAL : 0))
        if (a & 1u << 31)
            product ^= b;
    return product;
}

uint32_t bit_crc32c_join(uint32_t a, uint32_t b, uint64_t bytes_of_b)
{
    uint32_t square = 1u << 23; /* x^8, then its squares */

    for (; bytes_of_b > 0; bytes_of_b >>= 1, square = multiply(square, square))
        if (bytes_of_b & 1)
            a = multiply(a, square);
    return a ^ b;
}
