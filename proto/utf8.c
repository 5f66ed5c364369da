#include "proto/utf8.h"

#include <string.h>

#include "proto/check.h"

size_t bit_utf8_decode(const char *text, size_t bytes, uint32_t *code)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t *p = (const uint8_t *)text;
    uint32_t c = p[0];
    size_t len = c < 0x80 ? 1 : c < 0xc0 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf8 ? 4 : 0;

    if (len == 0 || len > bytes)
        return 0;
    if (len > 1)
        c &= 0x7fu >> len;
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < smallest[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    *code = c;
    return len;
}

size_t bit_utf8_encode(uint32_t code, char out[4])
{
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};

    BIT_ASSERT(code <= 0x10ffff && (code < 0xd800 || code >= 0xe000));
    for (size_t i = len - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(lead[len] | code);
    return len;
}

bool bit_utf8_valid(const char *text, size_t bytes)
{
    uint32_t code;

    for (size_t at = 0, len; at < bytes; at += len) {
        len = bit_utf8_decode(text + at, bytes - at, &code);
        if (len == 0)
            return false;
    }
    return true;
}

void bit_utf8_repair(char *text)
{
    size_t bytes = strlen(text), len;
    uint32_t code;

    for (size_t at = 0; at < bytes; at += len) {
        len = bit_utf8_decode(text + at, bytes - at, &code);
        if (len == 0) {
            text[at] = '?';
            len = 1;
        }
    }
}
