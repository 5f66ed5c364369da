/* Unicode data for the tokenizer: decoding, the classes of split patterns, and the parts of NFC. */
#ifndef BIT_CTL_UNICODE_H
#define BIT_CTL_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The classes of GPT-2's split pattern: \p{L}, \p{N}, \s, and everything else. Unicode 16.0, that of Oniguruma 6.9.10,
 * which is in Hugging Face's tokenizers 0.21.4 and 0.23.3. property.h has the properties of other patterns, of the
 * same Unicode version.
 */
enum bit_unicode_class { BIT_UNICODE_OTHER, BIT_UNICODE_LETTER, BIT_UNICODE_NUMBER, BIT_UNICODE_SPACE };

struct bit_unicode {
    uint8_t class;    /* enum bit_unicode_class */
    uint8_t ccc;      /* canonical combining class */
    uint8_t unstable; /* NFC may change it, or join it to the character before: Unicode 9.0, that of tokenizers' NFC */
    uint8_t digit;    /* of the pre-tokenizer Digits: \p{N} of Unicode 17.0, that of Rust in tokenizers 0.23 */
};

/** The properties of a code point <= 0x10FFFF. */
const struct bit_unicode *bit_unicode(uint32_t c);

/**
 * One canonical decomposition step of c (Hangul included), Unicode 9.0. Returns 0 if it has none, else how many of
 * part[] it filled: 1 or 2.
 */
int bit_unicode_decompose(uint32_t c, uint32_t part[2]);
/** The primary composite of first and second (Hangul included), Unicode 9.0; 0 if there is none. */
uint32_t bit_unicode_compose(uint32_t first, uint32_t second);

/** Bytes of the character that starts with this byte of valid UTF-8. */
static inline size_t bit_unicode_bytes(uint8_t first)
{
    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/** The character at s, which is valid UTF-8; *bytes is how long it is. */
static inline uint32_t bit_unicode_decode(const uint8_t *s, size_t *bytes)
{
    if (s[0] < 0x80) {
        *bytes = 1;
        return s[0];
    }
    if (s[0] < 0xe0) {
        *bytes = 2;
        return (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu);
    }
    if (s[0] < 0xf0) {
        *bytes = 3;
        return (s[0] & 0x0fu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
    }
    *bytes = 4;
    return (s[0] & 0x07u) << 18 | (s[1] & 0x3fu) << 12 | (s[2] & 0x3fu) << 6 | (s[3] & 0x3fu);
}

/** Length of the prefix of s that is valid UTF-8, as defined in proto/utf8.h; fast on ASCII. */
size_t bit_unicode_valid(const uint8_t *s, size_t bytes);

/** The class of the character at s, and its length. */
static inline enum bit_unicode_class bit_unicode_class_at(const uint8_t *s, size_t *bytes)
{
    return (enum bit_unicode_class)bit_unicode(bit_unicode_decode(s, bytes))->class;
}

#endif
