#include "proto/escape.h"

#include <string.h>

#include "proto/check.h"
#include "proto/utf8.h"

static const struct {
    uint32_t from, to;
} harmful[] = {
    {0x00, 0x1f},     /* C0: escape sequences begin here */
    {0x7f, 0x9f},     /* DEL, and C1: U+009B is another beginning of a sequence */
    {0x061c, 0x061c}, /* Arabic letter mark */
    {0x200e, 0x200f}, /* left-to-right and right-to-left mark */
    {0x2028, 0x2029}, /* line and paragraph separator */
    {0x202a, 0x202e}, /* embeddings and overrides */
    {0x2066, 0x2069}, /* isolates */
};

bool bit_escape_needed(uint32_t code)
{
    for (size_t i = 0; i < BIT_COUNT(harmful); i++)
        if (code >= harmful[i].from && code <= harmful[i].to)
            return true;
    return false;
}

static size_t put_hex(char *out, char kind, uint32_t number, int digits)
{
    static const char hex[] = "0123456789abcdef";
    size_t at = 0;

    out[at++] = '\\';
    out[at++] = kind;
    for (int i = digits - 1; i >= 0; i--)
        out[at++] = hex[number >> (4 * i) & 15];
    return at;
}

static size_t put_escape(char *out, uint32_t code)
{
    static const char plain[] = "\n\t\r", means[] = "ntr";
    const char *found = code != 0 && code < 0x20 ? strchr(plain, (int)code) : NULL;

    if (found == NULL)
        return code < 0x80 ? put_hex(out, 'x', code, 2) : put_hex(out, 'u', code, 4);
    out[0] = '\\';
    out[1] = means[found - plain];
    return 2;
}

size_t bit_escape_next(const char *text, size_t bytes, char out[BIT_ESCAPE_MAX], size_t *used)
{
    uint32_t code;
    size_t step = bit_utf8_decode(text, bytes, &code);

    *used = step > 0 ? step : 1;
    if (step == 0)
        return put_hex(out, 'x', (uint8_t)text[0], 2);
    if (bit_escape_needed(code))
        return put_escape(out, code);
    memcpy(out, text, step);
    return step;
}

void bit_escape_print(FILE *f, const char *text)
{
    char out[BIT_ESCAPE_MAX];
    size_t left = strlen(text), used;

    for (; left > 0; text += used, left -= used)
        fwrite(out, 1, bit_escape_next(text, left, out, &used), f);
}
