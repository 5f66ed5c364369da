#include "proto/pairs.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "proto/check.h"
#include "proto/escape.h"

#define VALUE_MAX 4096 /* bytes of one, before it is quoted */
#define SPEC_MAX  32   /* of a conversion: "%-20.10lld" */

/* A va_list that functions can share by pointer; va_list itself may be an array type. */
struct args {
    va_list list;
};

struct text {
    char *out;
    size_t room, used; /* used < room, for the NUL */
};

static void put(struct text *t, const char *bytes, size_t count)
{
    if (t->used + count >= t->room)
        return;
    memcpy(t->out + t->used, bytes, count);
    t->used += count;
    t->out[t->used] = '\0';
}

/* ---- one conversion */

/* One conversion, with each '*' replaced by its number. */
struct spec {
    char text[SPEC_MAX];
    size_t bytes;
    char length; /* 'l', 'q' for ll, 'j', 'z', 't'; 0: int */
    char kind;
};

static void add(struct spec *s, char c)
{
    BIT_ASSERT(s->bytes + 1 < sizeof s->text);
    s->text[s->bytes++] = c;
    s->text[s->bytes] = '\0';
}

static const char *take_number(struct spec *s, const char *p, struct args *args)
{
    if (*p == '*') {
        char digits[12];
        int n = snprintf(digits, sizeof digits, "%d", va_arg(args->list, int));
        for (int i = 0; i < n; i++)
            add(s, digits[i]);
        return p + 1;
    }
    while (*p >= '0' && *p <= '9')
        add(s, *p++);
    return p;
}

static const char *take_length(struct spec *s, const char *p)
{
    for (; *p != '\0' && strchr("hljzt", *p) != NULL; p++) {
        if (*p != 'h')
            s->length = s->length == 'l' && *p == 'l' ? 'q' : *p;
        add(s, *p);
    }
    return p;
}

/* p is at the '%'. Returns what follows the conversion. */
static const char *take_spec(const char *p, struct args *args, struct spec *s)
{
    *s = (struct spec){.bytes = 0};
    add(s, *p++);
    while (*p != '\0' && strchr("-+ #0", *p) != NULL)
        add(s, *p++);
    p = take_number(s, p, args);
    if (*p == '.') {
        add(s, *p++);
        p = take_number(s, p, args);
    }
    p = take_length(s, p);
    s->kind = *p;
    add(s, *p);
    return p + 1;
}

/* The formats below are single conversions of a format that the compiler has already checked. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static int print_integer(char *out, size_t room, const struct spec *s, struct args *args)
{
    switch (s->length) {
    case 'l':
        return snprintf(out, room, s->text, va_arg(args->list, long));
    case 'q':
        return snprintf(out, room, s->text, va_arg(args->list, long long));
    case 'j':
        return snprintf(out, room, s->text, va_arg(args->list, intmax_t));
    case 'z':
        return snprintf(out, room, s->text, va_arg(args->list, size_t));
    case 't':
        return snprintf(out, room, s->text, va_arg(args->list, ptrdiff_t));
    default:
        return snprintf(out, room, s->text, va_arg(args->list, int));
    }
}

static int print_one(char *out, size_t room, const struct spec *s, struct args *args)
{
    switch (s->kind) {
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o':
    case 'c':
        return print_integer(out, room, s, args);
    case 'f':
    case 'e':
    case 'g':
        return snprintf(out, room, s->text, va_arg(args->list, double));
    case 's':
        return snprintf(out, room, s->text, va_arg(args->list, const char *));
    case 'p':
        return snprintf(out, room, s->text, va_arg(args->list, void *));
    default:
        BIT_ASSERT(s->kind == '%');
        return snprintf(out, room, "%%");
    }
}

#pragma GCC diagnostic pop

/* ---- one value */

/* The value from p to `end` of the format, with its conversions done. */
static void make_value(const char *p, const char *end, struct args *args, char value[VALUE_MAX])
{
    size_t used = 0;

    value[0] = '\0';
    while (p < end) {
        struct spec s;
        int n;
        if (*p != '%') {
            n = snprintf(value + used, VALUE_MAX - used, "%c", *p++);
        } else {
            p = take_spec(p, args, &s);
            n = print_one(value + used, VALUE_MAX - used, &s, args);
        }
        used = BIT_MIN(used + (size_t)BIT_MAX(n, 0), (size_t)VALUE_MAX - 1);
    }
}

static bool is_plain(const char *value)
{
    const char *p = value;

    while (*p > ' ' && *p < 0x7f && strchr("\"=\\", *p) == NULL)
        p++;
    return *p == '\0' && p > value;
}

static void put_value(struct text *t, const char *value)
{
    size_t left = strlen(value), used, n;

    if (is_plain(value) && t->used + left < t->room) {
        put(t, value, left);
        return;
    }
    put(t, "\"", 1);
    for (; left > 0 && t->used + BIT_ESCAPE_MAX + 1 < t->room; value += used, left -= used) {
        char escaped[BIT_ESCAPE_MAX] = {'\\', *value};
        used = 1;
        n = *value == '"' || *value == '\\' ? 2 : bit_escape_next(value, left, escaped, &used);
        put(t, escaped, n);
    }
    put(t, "\"", 1);
}

/* ---- all of them */

/* p is at the beginning of a pair of the format. Returns its end. */
static const char *put_pair(struct text *t, const char *p, struct args *args)
{
    char value[VALUE_MAX];
    const char *equals = p + strcspn(p, "= "), *begin = *equals == '=' ? equals + 1 : p, *end;
    bool quoted = *begin == '"';

    begin += quoted;
    end = begin + strcspn(begin, quoted ? "\"" : " ");
    make_value(begin, end, args, value);
    bool none = begin == p && value[0] == '\0';
    if (!none &&
        t->used + (size_t)(begin - p) + BIT_ESCAPE_MAX + 4 < t->room) { /* the key, and at least a part of the value */
        put(t, " ", t->used > 0);
        put(t, p, (size_t)(begin - p) - quoted);
        put_value(t, value);
    }
    return end + (quoted && *end == '"');
}

size_t bit_pairs_format(char *out, size_t room, const char *fmt, va_list list)
{
    struct text t = {.out = out, .room = room};
    struct args args;

    BIT_ASSERT(room > 0);
    out[0] = '\0';
    va_copy(args.list, list);
    for (const char *p = fmt; *p != '\0';)
        p = *p == ' ' ? p + 1 : put_pair(&t, p, &args);
    va_end(args.list);
    return t.used;
}
