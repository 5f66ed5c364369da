#include "ctl/tokenize/documents.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/tokenize/line_blocks.h"
#include "ctl/tokenize/unicode.h"
#include "proto/err.h"
#include "proto/utf8.h"

/* A string between its quotes, still escaped. */
struct span {
    const uint8_t *begin;
    size_t bytes;
    bool escaped, present;
};

/* Every function below returns false at the first error, with `at` on it. The line is valid UTF-8. */
struct cursor {
    const uint8_t *at, *end;
    int depth;
};

static bool skip_value(struct cursor *c);

const char *bit_document_fault_text(enum bit_document_fault fault)
{
    static const char *const texts[BIT_DOCUMENT_FAULTS] = {
        [BIT_DOCUMENT_GOOD] = "good",    [BIT_DOCUMENT_BLANK] = "blank line",   [BIT_DOCUMENT_JSON] = "broken JSON",
        [BIT_DOCUMENT_TEXT] = "no text", [BIT_DOCUMENT_UTF8] = "invalid UTF-8", [BIT_DOCUMENT_LONG] = "line too long",
    };

    return texts[fault];
}

const char *bit_document_fault_name(enum bit_document_fault fault)
{
    static const char *const names[BIT_DOCUMENT_FAULTS] = {
        [BIT_DOCUMENT_GOOD] = "good",    [BIT_DOCUMENT_BLANK] = "blank_line",  [BIT_DOCUMENT_JSON] = "broken_json",
        [BIT_DOCUMENT_TEXT] = "no_text", [BIT_DOCUMENT_UTF8] = "invalid_utf8", [BIT_DOCUMENT_LONG] = "line_too_long",
    };

    return names[fault];
}

/* ---- grammar */

static void skip_space(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
        c->at++;
}

static bool take(struct cursor *c, uint8_t byte)
{
    if (c->at == c->end || *c->at != byte)
        return false;
    c->at++;
    return true;
}

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The value of four hexadecimal digits at s, -1 if they are not digits. */
static int hex4(const uint8_t *s, const uint8_t *end)
{
    int value = 0;

    if (end - s < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(s[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* Skip an escape, at the character after the backslash; a low surrogate must directly follow a high one. */
static bool skip_escape(struct cursor *c)
{
    int unit;

    if (c->at == c->end)
        return false;
    if (*c->at != 'u') {
        bool known = *c->at != '\0' && strchr("\"\\/bfnrt", *c->at) != NULL;
        c->at += known;
        return known;
    }
    unit = hex4(c->at + 1, c->end);
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return false;
    if (unit >= 0xd800 && unit <= 0xdbff) {
        const uint8_t *low = c->at + 5;
        if (c->end - low < 6 || low[0] != '\\' || low[1] != 'u')
            return false;
        unit = hex4(low + 2, c->end);
        if (unit < 0xdc00 || unit > 0xdfff)
            return false;
        c->at += 6;
    }
    c->at += 5;
    return true;
}

static bool take_string(struct cursor *c, struct span *out)
{
    const uint8_t *begin = c->at + 1;
    bool escaped = false;

    if (!take(c, '"'))
        return false;
    for (;;) {
        while (c->at < c->end && *c->at != '"' && *c->at != '\\' && *c->at >= 0x20)
            c->at++;
        if (c->at == c->end || *c->at < 0x20)
            return false;
        if (*c->at++ == '"')
            break;
        escaped = true;
        if (!skip_escape(c))
            return false;
    }
    *out = (struct span){begin, (size_t)(c->at - 1 - begin), escaped, true};
    return true;
}

static bool skip_digits(struct cursor *c)
{
    const uint8_t *begin = c->at;

    while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
        c->at++;
    return c->at > begin;
}

static bool skip_number(struct cursor *c)
{
    take(c, '-');
    if (!take(c, '0') && !skip_digits(c))
        return false;
    if (take(c, '.') && !skip_digits(c))
        return false;
    if (c->at < c->end && (*c->at == 'e' || *c->at == 'E')) {
        c->at++;
        if (!take(c, '+'))
            take(c, '-');
        return skip_digits(c);
    }
    return true;
}

static bool skip_word(struct cursor *c, const char *word)
{
    for (; *word != '\0'; word++) {
        if (!take(c, (uint8_t)*word))
            return false;
    }
    return true;
}

static bool skip_array(struct cursor *c)
{
    c->at++;
    skip_space(c);
    if (take(c, ']'))
        return true;
    do {
        if (!skip_value(c))
            return false;
        skip_space(c);
    } while (take(c, ','));
    return take(c, ']');
}

/* Read `"key":` and move to the value. */
static bool take_key(struct cursor *c, struct span *key)
{
    skip_space(c);
    if (!take_string(c, key))
        return false;
    skip_space(c);
    if (!take(c, ':'))
        return false;
    skip_space(c);
    return true;
}

static bool skip_object(struct cursor *c)
{
    struct span key;

    c->at++;
    skip_space(c);
    if (take(c, '}'))
        return true;
    do {
        if (!take_key(c, &key) || !skip_value(c))
            return false;
        skip_space(c);
    } while (take(c, ','));
    return take(c, '}');
}

static bool skip_value(struct cursor *c)
{
    struct span ignored;
    bool ok;

    skip_space(c);
    if (c->at == c->end || c->depth == BIT_DOCUMENT_DEPTH_MAX)
        return false;
    c->depth++;
    switch (*c->at) {
    case '"':
        ok = take_string(c, &ignored);
        break;
    case '{':
        ok = skip_object(c);
        break;
    case '[':
        ok = skip_array(c);
        break;
    case 't':
        ok = skip_word(c, "true");
        break;
    case 'f':
        ok = skip_word(c, "false");
        break;
    case 'n':
        ok = skip_word(c, "null");
        break;
    default:
        ok = skip_number(c);
    }
    c->depth--;
    return ok;
}

/* ---- strings */

/* Undo the escapes of s, which has passed the grammar. Writes no more bytes than it reads. */
static size_t unescape(const struct span *s, uint8_t *out)
{
    const uint8_t *at = s->begin, *end = at + s->bytes;
    uint8_t *to = out;

    while (at < end) {
        const uint8_t *slash = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((slash == NULL ? end : slash) - at);
        memcpy(to, at, plain);
        to += plain;
        if (slash == NULL)
            break;
        at = slash + 2;
        switch (slash[1]) {
        case 'b':
            *to++ = '\b';
            break;
        case 'f':
            *to++ = '\f';
            break;
        case 'n':
            *to++ = '\n';
            break;
        case 'r':
            *to++ = '\r';
            break;
        case 't':
            *to++ = '\t';
            break;
        case 'u': {
            uint32_t c = (uint32_t)hex4(at, end);
            at += 4;
            if (c >= 0xd800 && c <= 0xdbff) {
                c = 0x10000 + ((c - 0xd800) << 10) + ((uint32_t)hex4(at + 2, end) - 0xdc00);
                at += 6;
            }
            to += bit_utf8_encode(c, (char *)to);
            break;
        }
        default:
            *to++ = slash[1];
        }
    }
    return (size_t)(to - out);
}

static int resolve(const struct span *s, uint8_t **room_data, size_t *room, const uint8_t **out, size_t *bytes)
{
    *out = s->begin;
    *bytes = s->bytes;
    if (!s->escaped)
        return 0;
    if (*room < s->bytes) {
        size_t more = s->bytes + s->bytes / 2;
        uint8_t *grown = realloc(*room_data, more);
        if (grown == NULL)
            return bit_fail(-ENOMEM, "a text of %zu bytes", s->bytes);
        *room_data = grown;
        *room = more;
    }
    *bytes = unescape(s, *room_data);
    *out = *room_data;
    return 0;
}

static bool key_is(const struct span *key, const char *name)
{
    uint8_t plain[64];
    size_t length = strlen(name);

    if (!key->escaped)
        return key->bytes == length && memcmp(key->begin, name, length) == 0;
    if (key->bytes > sizeof plain)
        return false;
    return unescape(key, plain) == length && memcmp(plain, name, length) == 0;
}

/* ---- document */

/* Read a member's value: a string is kept; a number is kept as written if `numbers`; other values are skipped. */
static bool take_member(struct cursor *c, bool numbers, struct span *out)
{
    const uint8_t *begin = c->at;

    *out = (struct span){0};
    if (c->at < c->end && *c->at == '"')
        return take_string(c, out);
    bool number = numbers && c->at < c->end && (*c->at == '-' || (*c->at >= '0' && *c->at <= '9'));
    if (!skip_value(c))
        return false;
    if (number)
        *out = (struct span){begin, (size_t)(c->at - begin), false, true};
    return true;
}

static bool take_object(struct cursor *c, struct span *text, struct span *id)
{
    struct span key;

    c->depth = 1;
    if (!take(c, '{'))
        return false;
    skip_space(c);
    if (!take(c, '}')) {
        do {
            if (!take_key(c, &key))
                return false;
            bool ok = key_is(&key, "text") ? take_member(c, false, text)
                      : key_is(&key, "id") ? take_member(c, true, id)
                                           : skip_value(c);
            if (!ok)
                return false;
            skip_space(c);
        } while (take(c, ','));
        if (!take(c, '}'))
            return false;
    }
    skip_space(c);
    return c->at == c->end;
}

int bit_document_parse(const uint8_t *line, size_t bytes, struct bit_document_scratch *scratch,
                       struct bit_document *out, size_t *at)
{
    struct cursor c = {line, line + bytes, 0};
    struct span text = {0}, id = {0};

    *at = 0;
    if (bytes > BIT_LINE_BYTES_MAX)
        return BIT_DOCUMENT_LONG;
    *at = bit_unicode_valid(line, bytes);
    if (*at < bytes)
        return BIT_DOCUMENT_UTF8;
    skip_space(&c);
    if (c.at == c.end)
        return BIT_DOCUMENT_BLANK;
    bool ok = take_object(&c, &text, &id);
    *at = (size_t)(c.at - line);
    if (!ok)
        return BIT_DOCUMENT_JSON;
    if (!text.present)
        return BIT_DOCUMENT_TEXT;
    struct bit_document found = {0};
    int err = resolve(&text, &scratch->text, &scratch->text_room, &found.text, &found.text_bytes);
    if (err == 0 && id.present)
        err = resolve(&id, &scratch->id, &scratch->id_room, &found.id, &found.id_bytes);
    if (err < 0)
        return err;
    *out = found;
    return BIT_DOCUMENT_GOOD;
}

/* ---- white space */

static bool is_strippable(const uint8_t *s, size_t *step)
{
    uint32_t c = bit_unicode_decode(s, step);

    return (c >= 0x1c && c <= 0x1f) || bit_unicode(c)->class == BIT_UNICODE_SPACE;
}

void bit_document_strip(struct bit_document *document)
{
    const uint8_t *begin = document->text, *end = begin + document->text_bytes;
    size_t step;

    while (begin < end && is_strippable(begin, &step))
        begin += step;
    while (end > begin) {
        const uint8_t *last = end - 1;
        while ((*last & 0xc0) == 0x80)
            last--;
        if (!is_strippable(last, &step))
            break;
        end = last;
    }
    document->text = begin;
    document->text_bytes = (size_t)(end - begin);
}

void bit_document_scratch_finish(struct bit_document_scratch *scratch)
{
    free(scratch->text);
    free(scratch->id);
    *scratch = (struct bit_document_scratch){0};
}
