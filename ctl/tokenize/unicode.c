#include "ctl/tokenize/unicode.h"

#include <string.h>

#include "ctl/tokenize/unicode_table.h"
#include "proto/check.h"
#include "proto/utf8.h"

/* Hangul syllables are composed by arithmetic: The Unicode Standard, section 3.12. */
enum {
    HANGUL_S = 0xac00,
    HANGUL_L = 0x1100,
    HANGUL_V = 0x1161,
    HANGUL_T = 0x11a7,
    HANGUL_LS = 19,
    HANGUL_VS = 21,
    HANGUL_TS = 28,
    HANGUL_SS = HANGUL_LS * HANGUL_VS * HANGUL_TS,
};

const struct bit_unicode *bit_unicode(uint32_t c)
{
    BIT_ASSERT(c <= 0x10ffff);
    uint32_t block = unicode_first[c / BIT_UNICODE_BLOCK];
    return &unicode_entry[unicode_second[block * BIT_UNICODE_BLOCK + c % BIT_UNICODE_BLOCK]];
}

static int decompose_hangul(uint32_t c, uint32_t part[2])
{
    uint32_t s = c - HANGUL_S;

    if (s % HANGUL_TS != 0) {
        part[0] = HANGUL_S + s / HANGUL_TS * HANGUL_TS;
        part[1] = HANGUL_T + s % HANGUL_TS;
    } else {
        part[0] = HANGUL_L + s / (HANGUL_VS * HANGUL_TS);
        part[1] = HANGUL_V + s / HANGUL_TS % HANGUL_VS;
    }
    return 2;
}

int bit_unicode_decompose(uint32_t c, uint32_t part[2])
{
    size_t low = 0, high = BIT_COUNT(unicode_decompose);

    if (c - HANGUL_S < HANGUL_SS)
        return decompose_hangul(c, part);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (unicode_decompose[middle].whole < c)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == BIT_COUNT(unicode_decompose) || unicode_decompose[low].whole != c)
        return 0;
    part[0] = unicode_decompose[low].first;
    part[1] = unicode_decompose[low].second;
    return part[1] == 0 ? 1 : 2;
}

static uint32_t compose_hangul(uint32_t first, uint32_t second)
{
    if (first - HANGUL_L < HANGUL_LS && second - HANGUL_V < HANGUL_VS)
        return HANGUL_S + ((first - HANGUL_L) * HANGUL_VS + (second - HANGUL_V)) * HANGUL_TS;
    if (first - HANGUL_S < HANGUL_SS && (first - HANGUL_S) % HANGUL_TS == 0 && second - HANGUL_T - 1 < HANGUL_TS - 1)
        return first + (second - HANGUL_T);
    return 0;
}

uint32_t bit_unicode_compose(uint32_t first, uint32_t second)
{
    const uint64_t key = (uint64_t)first << 32 | second;
    size_t low = 0, high = BIT_COUNT(unicode_compose);

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (((uint64_t)unicode_compose[middle].first << 32 | unicode_compose[middle].second) < key)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < BIT_COUNT(unicode_compose) && unicode_compose[low].first == first &&
        unicode_compose[low].second == second)
        return unicode_compose[low].whole;
    return compose_hangul(first, second);
}

size_t bit_unicode_valid(const uint8_t *s, size_t bytes)
{
    size_t at = 0;
    uint32_t c;

    while (at < bytes) {
        uint64_t word;
        while (bytes - at >= sizeof word) {
            memcpy(&word, s + at, sizeof word);
            if ((word & 0x8080808080808080u) != 0)
                break;
            at += sizeof word;
        }
        if (at == bytes)
            break;
        size_t step = bit_utf8_decode((const char *)s + at, bytes - at, &c);
        if (step == 0)
            break;
        at += step;
    }
    return at;
}
