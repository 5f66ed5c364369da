#include "daemon/sys/lists/hostlist.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"

#define DIGITS_MAX 9

/* The state of unfolding one element: the name as far as it is written. */
struct unfolding {
    const char *list; /* the whole list, for messages */
    struct bit_hosts *out;
    char name[BIT_HOST_NAME_MAX + 1];
};

static int unfold(struct unfolding *u, const char *rest, const char *end, size_t have, int groups);

int bit_hosts_add(struct bit_hosts *hosts, const char *name)
{
    if (hosts->count == BIT_HOSTS_MAX)
        return bit_fail(BIT_ELIMIT, "more than %d nodes", BIT_HOSTS_MAX);
    if (hosts->count == hosts->capacity) {
        size_t capacity = hosts->capacity ? 2 * hosts->capacity : 16;
        char **grown = realloc(hosts->name, capacity * sizeof *grown);
        if (grown == NULL)
            return bit_fail(-ENOMEM, "%zu nodes", capacity);
        hosts->name = grown;
        hosts->capacity = capacity;
    }
    hosts->name[hosts->count] = strdup(name);
    if (hosts->name[hosts->count] == NULL)
        return bit_fail(-ENOMEM, "a node's name");
    hosts->count++;
    return 0;
}

void bit_hosts_finish(struct bit_hosts *hosts)
{
    for (size_t i = 0; i < hosts->count; i++)
        free(hosts->name[i]);
    free(hosts->name);
    *hosts = (struct bit_hosts){0};
}

bool bit_hosts_have(const struct bit_hosts *hosts, const char *name)
{
    for (size_t i = 0; i < hosts->count; i++)
        if (strcmp(hosts->name[i], name) == 0)
            return true;
    return false;
}

static int bad(const struct unfolding *u, const char *at)
{
    return bit_fail(BIT_EMESSAGE, "no list of nodes at byte %zu: '%.64s'", (size_t)(at - u->list), u->list);
}

/* Reads the digits at *p and moves it past them. Their count is the width to which numbers are padded. */
static int take_number(const struct unfolding *u, const char **p, const char *end, unsigned *value, int *width)
{
    const char *begin = *p;

    *value = 0;
    for (; *p < end && isdigit((unsigned char)**p) && *p - begin < DIGITS_MAX; (*p)++)
        *value = *value * 10 + (unsigned)(**p - '0');
    *width = (int)(*p - begin);
    return *width > 0 ? 0 : bad(u, begin);
}

/* One "3" or "07-12" within brackets: each of its numbers, followed by the rest of the element after the bracket. */
static int unfold_range(struct unfolding *u, const char **p, const char *close, const char *end, size_t have,
                        int groups)
{
    unsigned first, last;
    int width, unused;
    int err = take_number(u, p, close, &first, &width);

    last = first;
    if (err == 0 && *p < close && **p == '-') {
        (*p)++;
        err = take_number(u, p, close, &last, &unused);
    }
    if (err == 0 && (last < first || last - first >= BIT_HOSTS_MAX))
        err = bad(u, *p);
    for (unsigned i = first; err == 0 && i <= last; i++) {
        int n = snprintf(u->name + have, sizeof u->name - have, "%0*u", width, i);
        if (n < 0 || have + (size_t)n > BIT_HOST_NAME_MAX)
            return bit_fail(BIT_ELIMIT, "a node's name of more than %d bytes", BIT_HOST_NAME_MAX);
        err = unfold(u, close + 1, end, have + (size_t)n, groups + 1);
    }
    return err;
}

static int unfold_group(struct unfolding *u, const char *open, const char *end, size_t have, int groups)
{
    const char *close = memchr(open, ']', (size_t)(end - open)), *p = open + 1;
    int err = close == NULL || groups == BIT_HOST_GROUP_MAX ? bad(u, open) : 0;

    while (err == 0) {
        err = unfold_range(u, &p, close, end, have, groups);
        if (err < 0 || p == close)
            break;
        err = *p == ',' ? 0 : bad(u, p);
        p++;
    }
    return err;
}

/* `have` bytes of the name are written; the unread part of the element is from `rest` to `end`. */
static int unfold(struct unfolding *u, const char *rest, const char *end, size_t have, int groups)
{
    while (rest < end && *rest != '[') {
        bool good = isalnum((unsigned char)*rest) || *rest == '.' || *rest == '_' || (*rest == '-' && have > 0);
        if (!good)
            return bad(u, rest);
        if (have == BIT_HOST_NAME_MAX)
            return bit_fail(BIT_ELIMIT, "a node's name of more than %d bytes", BIT_HOST_NAME_MAX);
        u->name[have++] = *rest++;
    }
    if (rest < end)
        return have > 0 ? unfold_group(u, rest, end, have, groups) : bad(u, rest);
    u->name[have] = '\0';
    return have > 0 ? bit_hosts_add(u->out, u->name) : bad(u, rest);
}

/* Commas separate names, except within brackets. */
static const char *end_of_element(const char *p)
{
    for (int depth = 0; *p != '\0' && (*p != ',' || depth > 0); p++)
        depth += *p == '[' ? 1 : *p == ']' ? -1 : 0;
    return p;
}

int bit_hosts_parse(const char *text, struct bit_hosts *out)
{
    struct unfolding u = {.list = text, .out = out};
    int err = 0;

    *out = (struct bit_hosts){0};
    for (const char *p = text; err == 0; p++) {
        const char *end = end_of_element(p);
        err = unfold(&u, p, end, 0, 0);
        p = end;
        if (*p == '\0')
            break;
    }
    if (err < 0)
        bit_hosts_finish(out);
    return err;
}

/* ---- folding */

/* A name split into its stem and the digits at its end. */
struct numbered {
    const char *name;
    int stem, width; /* bytes of the stem, digits; width 0: no number that can be folded */
    unsigned value;
};

static struct numbered split(const char *name)
{
    struct numbered n = {.name = name, .stem = (int)strlen(name)};

    while (n.stem > 0 && n.width < DIGITS_MAX && isdigit((unsigned char)name[n.stem - 1])) {
        n.stem--;
        n.width++;
    }
    if (n.stem == 0) /* an element of a list must not begin with a bracket */
        n.width = 0;
    n.value = n.width > 0 ? (unsigned)strtoul(name + n.stem, NULL, 10) : 0;
    return n;
}

static bool same_stem(const struct numbered *a, const struct numbered *b)
{
    return a->width > 0 && a->width == b->width && a->stem == b->stem && memcmp(a->name, b->name, (size_t)a->stem) == 0;
}

static void write_range(FILE *f, const struct numbered *first, const struct numbered *last)
{
    fprintf(f, "%0*u", first->width, first->value);
    if (last->value > first->value)
        fprintf(f, "-%0*u", last->width, last->value);
}

/* Writes the names from `at` on that have the same stem and width as one element. Returns the index after them. */
static size_t write_element(FILE *f, const struct bit_hosts *hosts, size_t at)
{
    struct numbered first = split(hosts->name[at]), last = first;
    size_t next = at + 1;
    struct numbered n = next < hosts->count ? split(hosts->name[next]) : first;

    if (next == hosts->count || !same_stem(&first, &n)) {
        fputs(first.name, f);
        return next;
    }
    fprintf(f, "%.*s[", first.stem, first.name);
    for (; next < hosts->count && (n = split(hosts->name[next]), same_stem(&first, &n)); next++, last = n) {
        if (n.value == last.value + 1)
            continue;
        write_range(f, &first, &last);
        fputc(',', f);
        first = n;
    }
    write_range(f, &first, &last);
    fputc(']', f);
    return next;
}

char *bit_hosts_fold(const struct bit_hosts *hosts)
{
    char *list = NULL;
    size_t bytes;
    FILE *f = open_memstream(&list, &bytes);

    if (f == NULL)
        return NULL;
    for (size_t at = 0; at < hosts->count;) {
        fputs(at > 0 ? "," : "", f);
        at = write_element(f, hosts, at);
    }
    if (fclose(f) == 0)
        return list;
    free(list);
    return NULL;
}

void bit_hosts_brief(const char *list, char *out, size_t room)
{
    static const char more[] = "...";

    BIT_ASSERT(room > sizeof more);
    if (strlen(list) < room)
        bit_format(out, room, "%s", list);
    else
        bit_format(out, room, "%.*s%s", bit_format_fit(list, room - sizeof more), list, more);
}
