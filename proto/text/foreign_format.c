#include "proto/text/foreign_format.h"

#include <string.h>

#define NAME "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

struct line {
    const char *at; /* the first character that is not blank */
    size_t bytes;   /* without trailing blanks */
    int number, column;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next line with more than blanks and a comment. */
static bool next_line(const char **rest, const char *end, int *number, struct line *out)
{
    while (*rest < end) {
        const char *begin = *rest, *newline = memchr(begin, '\n', (size_t)(end - begin));
        const char *last = newline != NULL ? newline : end, *at = begin;

        *rest = newline != NULL ? newline + 1 : end;
        ++*number;
        while (at < last && is_blank(*at))
            at++;
        while (last > at && is_blank(last[-1]))
            last--;
        if (at < last && *at != '#') {
            *out = (struct line){at, (size_t)(last - at), *number, (int)(at - begin) + 1};
            return true;
        }
    }
    return false;
}

/* Length of the name at the start of the line; 0 if there is none. */
static size_t name_of(const struct line *l)
{
    size_t n = 0;

    while (n < l->bytes && strchr(NAME, l->at[n]) != NULL)
        n++;
    return n;
}

/* "model:" and nothing else. */
static bool opens_block(const struct line *l)
{
    const size_t n = name_of(l);

    return n > 0 && n + 1 == l->bytes && l->at[n] == ':';
}

/* "preset: x", or "- x": lines of a YAML block. */
static bool is_in_block(const struct line *l)
{
    const size_t n = name_of(l);

    return (l->bytes > 1 && l->at[0] == '-' && l->at[1] == ' ') || (n > 0 && n < l->bytes && l->at[n] == ':');
}

/* "[model]" */
static bool is_table(const struct line *l)
{
    return l->bytes > 2 && l->at[0] == '[' && l->at[l->bytes - 1] == ']' && strspn(l->at + 1, NAME ".") == l->bytes - 2;
}

static const char *judge(const struct line *l, const struct line *before)
{
    if (before == NULL && (l->at[0] == '{' || (l->at[0] == '[' && !is_table(l))))
        return "JSON";
    if (is_table(l))
        return "TOML";
    if (before == NULL && l->bytes == 3 && memcmp(l->at, "---", 3) == 0)
        return "YAML";
    return before != NULL && opens_block(before) && is_in_block(l) ? "YAML" : NULL;
}

bool bit_foreign_format_find(const char *text, size_t bytes, struct bit_foreign_format *out)
{
    const char *rest = text, *end = text + bytes;
    struct line now, before;
    bool first = true;
    int number = 0;

    while (next_line(&rest, end, &number, &now)) {
        const char *name = judge(&now, first ? NULL : &before);
        if (name != NULL) {
            const struct line *shows = !first && strcmp(name, "YAML") == 0 ? &before : &now;
            *out = (struct bit_foreign_format){name, shows->number, shows->column};
            return true;
        }
        before = now;
        first = false;
    }
    return false;
}
