#include "ctl/show/show.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/escape.h"
#include "proto/utf8.h"

/* ---- one text */

/* The length of a character by its lead byte; 1 for a byte that is none. */
static size_t length_of(unsigned char lead)
{
    return lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1;
}

/* The bytes within the limit, without a character that the limit would cut. */
static size_t bytes_within(const char *text, int most)
{
    size_t bytes = most < 0 ? strlen(text) : strnlen(text, (size_t)most);

    if (most < 0 || bytes < (size_t)most)
        return bytes;
    for (size_t back = 1; back < 4 && back <= bytes; back++) {
        unsigned char c = (unsigned char)text[bytes - back];
        if ((c & 0xc0) != 0x80)
            return length_of(c) > back ? bytes - back : bytes;
    }
    return bytes;
}

static int characters(const char *text, size_t bytes)
{
    int n = 0;

    for (size_t i = 0; i < bytes; i++)
        n += (text[i] & 0xc0) != 0x80;
    return n;
}

static int width_of(const char *text, size_t bytes)
{
    char out[BIT_ESCAPE_MAX];
    int width = 0;

    for (size_t used; bytes > 0; text += used, bytes -= used)
        width += characters(out, bit_escape_next(text, bytes, out, &used));
    return width;
}

static void put_text(FILE *f, const char *text, size_t bytes, int width, bool left)
{
    char out[BIT_ESCAPE_MAX];
    int pad = width > 0 ? width - width_of(text, bytes) : 0;

    if (!left && pad > 0)
        fprintf(f, "%*s", pad, "");
    for (size_t used; bytes > 0; text += used, bytes -= used)
        fwrite(out, 1, bit_escape_next(text, bytes, out, &used), f);
    if (left && pad > 0)
        fprintf(f, "%*s", pad, "");
}

/* ---- one conversion */

struct conversion {
    char flags[8];
    int width, precision; /* precision < 0: none */
    char length[3];
    char kind;
};

static int take_number(const char **at, va_list *args)
{
    int n = 0;

    if (**at == '*') {
        ++*at;
        return va_arg(*args, int);
    }
    for (; **at >= '0' && **at <= '9'; ++*at)
        n = 10 * n + (**at - '0');
    return n;
}

/* `at` is after the '%', and is moved to the end of the conversion. */
static struct conversion read_conversion(const char **at, va_list *args)
{
    struct conversion c = {.precision = -1};
    size_t n = strspn(*at, "-+ #0");

    BIT_ASSERT(n < sizeof c.flags - 1);
    memcpy(c.flags, *at, n);
    *at += n;
    c.width = take_number(at, args);
    if (c.width < 0) { /* as in C: a minus flag and a width */
        c.flags[n] = '-';
        c.width = -c.width;
    }
    if (**at == '.') {
        ++*at;
        c.precision = take_number(at, args);
    }
    n = strspn(*at, "hlzj");
    BIT_ASSERT(n < sizeof c.length);
    memcpy(c.length, *at, n);
    *at += n;
    c.kind = *(*at)++;
    return c;
}

static intmax_t take_signed(const char *length, va_list *args)
{
    if (strcmp(length, "ll") == 0)
        return va_arg(*args, long long);
    if (length[0] == 'l' || length[0] == 'z')
        return va_arg(*args, long);
    return length[0] == 'j' ? va_arg(*args, intmax_t) : va_arg(*args, int);
}

static uintmax_t take_unsigned(const char *length, va_list *args)
{
    if (strcmp(length, "ll") == 0)
        return va_arg(*args, unsigned long long);
    if (length[0] == 'l' || length[0] == 'z')
        return va_arg(*args, unsigned long);
    return length[0] == 'j' ? va_arg(*args, uintmax_t) : va_arg(*args, unsigned);
}

_Static_assert(sizeof(size_t) == sizeof(long), "z is read as l");

/* The format is built here from a checked one, so the compiler cannot check it. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void put_number(FILE *f, const struct conversion *c, va_list *args)
{
    bool real = strchr("feg", c->kind) != NULL;
    char fmt[24];

    snprintf(fmt, sizeof fmt, "%%%s*.*%s%c", c->flags, real ? "" : "j", c->kind);
    if (real)
        fprintf(f, fmt, c->width, c->precision, va_arg(*args, double));
    else if (c->kind == 'd' || c->kind == 'i')
        fprintf(f, fmt, c->width, c->precision, take_signed(c->length, args));
    else
        fprintf(f, fmt, c->width, c->precision, take_unsigned(c->length, args));
}

#pragma GCC diagnostic pop

static void put_conversion(FILE *f, const char **at, va_list *args)
{
    struct conversion c = read_conversion(at, args);
    bool left = strchr(c.flags, '-') != NULL;

    if (c.kind == 's') {
        const char *text = va_arg(*args, const char *);
        text = text != NULL ? text : "(null)";
        put_text(f, text, bytes_within(text, c.precision), c.width, left);
    } else if (c.kind == 'c') {
        char byte = (char)va_arg(*args, int);
        put_text(f, &byte, 1, c.width, left);
    } else {
        BIT_ASSERT(c.kind != '\0' && strchr("diuxXfeg", c.kind) != NULL);
        put_number(f, &c, args);
    }
}

void bit_vshow(FILE *f, const char *fmt, va_list args)
{
    va_list own;

    va_copy(own, args); /* a va_list parameter may be an array type, and then &args is no va_list * */
    while (*fmt != '\0') {
        size_t plain = strcspn(fmt, "%");
        fwrite(fmt, 1, plain, f);
        fmt += plain;
        if (fmt[0] == '%' && fmt[1] == '%') {
            fputc('%', f);
            fmt += 2;
        } else if (fmt[0] == '%') {
            fmt++;
            put_conversion(f, &fmt, &own);
        }
    }
    va_end(own);
}

void bit_show(FILE *f, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    bit_vshow(f, fmt, args);
    va_end(args);
}

/* ---- longer texts */

static bool passes(char c)
{
    return c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f);
}

/* Whether it is an incomplete character, which more bytes may complete. */
static bool is_beginning(const struct bit_show_held *held)
{
    for (size_t i = 1; i < held->bytes; i++)
        if ((held->byte[i] & 0xc0) != 0x80)
            return false;
    return held->bytes < length_of((unsigned char)held->byte[0]);
}

static void show_first(FILE *f, struct bit_show_held *held)
{
    size_t used = 1;

    if (passes(held->byte[0]))
        fputc(held->byte[0], f);
    else {
        char out[BIT_ESCAPE_MAX];
        fwrite(out, 1, bit_escape_next(held->byte, held->bytes, out, &used), f);
    }
    held->bytes -= used;
    memmove(held->byte, held->byte + used, held->bytes);
}

void bit_show_piece(FILE *f, struct bit_show_held *held, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        held->byte[held->bytes++] = text[i];
        while (held->bytes > 0 && !is_beginning(held))
            show_first(f, held);
    }
}

void bit_show_piece_end(FILE *f, struct bit_show_held *held)
{
    while (held->bytes > 0)
        show_first(f, held);
}

void bit_show_lines(FILE *f, const char *text)
{
    struct bit_show_held held = {.bytes = 0};

    bit_show_piece(f, &held, text, strlen(text));
    bit_show_piece_end(f, &held);
    fputc('\n', f);
}

void bit_show_raw(FILE *f, const void *bytes, size_t count)
{
    fwrite(bytes, 1, count, f);
}
