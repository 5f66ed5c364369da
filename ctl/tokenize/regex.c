#define PCRE2_CODE_UNIT_WIDTH 8
#include "ctl/tokenize/regex.h"

#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/tokenize/regex_parse.h"
#include "ctl/tokenize/unicode.h"
#include "proto/check.h"
#include "proto/err.h"

#define KINDS 256

struct bit_regex {
    pcre2_code *code;
    uint8_t kind[BIT_CODE_LAST + 1];
};

/* ---- kinds */

/* The code points, divided where any set begins or ends: those from first[i] to first[i + 1] - 1 are of kind[i]. */
struct alphabet {
    uint32_t *first;
    uint8_t *kind;
    bool *marked;
    size_t count;
    size_t kinds;
};

static int compare_points(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static int cut(const struct bit_regex_parse *p, struct alphabet *a)
{
    size_t room = 1, count = 0;

    for (size_t i = 0; i < p->set_count; i++)
        room += 2 * p->sets[i].count;
    a->first = calloc(room, sizeof *a->first);
    a->kind = calloc(room, sizeof *a->kind);
    a->marked = calloc(room, sizeof *a->marked);
    if (a->first == NULL || a->kind == NULL || a->marked == NULL)
        return bit_fail(-ENOMEM, "an alphabet of %zu parts", room);
    a->first[count++] = 0;
    for (size_t i = 0; i < p->set_count; i++) {
        for (size_t k = 0; k < p->sets[i].count; k++) {
            a->first[count++] = p->sets[i].ranges[k].first;
            a->first[count++] = p->sets[i].ranges[k].last + 1;
        }
    }
    qsort(a->first, count, sizeof *a->first, compare_points);
    for (size_t i = 0; i < count; i++) {
        if (a->first[i] <= BIT_CODE_LAST && (a->count == 0 || a->first[i] != a->first[a->count - 1]))
            a->first[a->count++] = a->first[i];
    }
    a->kinds = 1;
    return 0;
}

/* Mark the parts that are in the set. Parts and ranges are both in order. */
static void mark(struct alphabet *a, const struct bit_codeset *set)
{
    size_t range = 0;

    for (size_t i = 0; i < a->count; i++) {
        while (range < set->count && set->ranges[range].last < a->first[i])
            range++;
        a->marked[i] = range < set->count && set->ranges[range].first <= a->first[i];
    }
}

/* Split each kind that is only partly in the set: the part inside becomes a new kind. */
static int tell_apart(struct alphabet *a, const struct bit_codeset *set)
{
    size_t all[KINDS] = {0}, inside[KINDS] = {0}, becomes[KINDS] = {0};

    mark(a, set);
    for (size_t i = 0; i < a->count; i++) {
        all[a->kind[i]]++;
        inside[a->kind[i]] += a->marked[i];
    }
    for (size_t i = 0, kinds = a->kinds; i < kinds; i++) {
        becomes[i] = inside[i] == 0 || inside[i] == all[i] ? i : a->kinds++;
        if (a->kinds > KINDS)
            return bit_fail(BIT_EDATA, "the pattern tells more than %d kinds of characters apart", KINDS);
    }
    for (size_t i = 0; i < a->count; i++) {
        if (a->marked[i])
            a->kind[i] = (uint8_t)becomes[a->kind[i]];
    }
    return 0;
}

static void fill_kinds(const struct alphabet *a, uint8_t kind[BIT_CODE_LAST + 1])
{
    for (size_t i = 0; i < a->count; i++) {
        uint32_t end = i + 1 < a->count ? a->first[i + 1] : BIT_CODE_LAST + 1;
        memset(kind + a->first[i], a->kind[i], end - a->first[i]);
    }
}

/* ---- the pattern for PCRE2 */

struct text {
    char *data;
    size_t used, room;
};

static int append(struct text *t, const char *more)
{
    const size_t length = strlen(more);

    if (t->used + length >= t->room) {
        size_t room = (t->used + length) * 2 + 64;
        char *data = realloc(t->data, room);
        if (data == NULL)
            return bit_fail(-ENOMEM, "a pattern of %zu bytes", room);
        t->data = data;
        t->room = room;
    }
    memcpy(t->data + t->used, more, length + 1);
    t->used += length;
    return 0;
}

/* Append a class of bytes: the kinds of the characters in the set. */
static int append_class(struct alphabet *a, const struct bit_codeset *set, struct text *out)
{
    bool has[KINDS + 1] = {false};
    char range[16];
    int err = append(out, "[");

    mark(a, set);
    for (size_t i = 0; i < a->count; i++)
        has[a->kind[i]] |= a->marked[i];
    for (size_t i = 0, first; i < KINDS && err == 0; i++) {
        if (!has[i])
            continue;
        for (first = i; has[i + 1]; i++)
            ;
        snprintf(range, sizeof range, "\\x%02zx-\\x%02zx", first, i);
        err = append(out, range);
    }
    return err < 0 ? err : append(out, set->count == 0 ? "^\\x00-\\xff]" : "]");
}

static int append_pattern(const struct bit_regex_parse *p, struct alphabet *a, struct text *out)
{
    int err = append(out, "");

    for (size_t i = 0; i < p->code_count && err == 0; i++) {
        const char ascii[] = {(char)p->code[i], '\0'};
        err = p->code[i] < 256 ? append(out, ascii) : append_class(a, &p->sets[p->code[i] - 256], out);
    }
    return err;
}

static int compile(const char *text, size_t bytes, pcre2_code **out)
{
    int code;

    PCRE2_SIZE offset;
    PCRE2_UCHAR reason[128];

    *out = pcre2_compile((PCRE2_SPTR)text, bytes, 0, &code, &offset, NULL);
    if (*out == NULL) {
        pcre2_get_error_message(code, reason, sizeof reason);
        return bit_fail(BIT_EDATA, "the pattern does not compile: %s", (const char *)reason);
    }
    pcre2_jit_compile(*out, PCRE2_JIT_COMPLETE); /* if this fails, matching is only slower */
    return 0;
}

static int build(const struct bit_regex_parse *p, struct bit_regex *regex)
{
    struct alphabet a = {0};
    struct text text = {0};
    int err = cut(p, &a);

    for (size_t i = 0; i < p->set_count && err == 0; i++)
        err = tell_apart(&a, &p->sets[i]);
    if (err == 0)
        err = append_pattern(p, &a, &text);
    if (err == 0)
        err = compile(text.data, text.used, &regex->code);
    if (err == 0)
        fill_kinds(&a, regex->kind);
    free(text.data);
    free(a.first);
    free(a.kind);
    free(a.marked);
    return err;
}

int bit_regex_create(const char *pattern, size_t bytes, bool literal, struct bit_regex **out)
{
    struct bit_regex_parse parse = {0};
    struct bit_regex *regex = calloc(1, sizeof *regex);
    int err = regex == NULL ? bit_fail(-ENOMEM, "pattern") : 0;

    if (err == 0)
        err = literal ? bit_regex_parse_literal(&parse, pattern, bytes) : bit_regex_parse(&parse, pattern, bytes);
    if (err == 0)
        err = build(&parse, regex);
    bit_regex_parse_finish(&parse);
    if (err < 0) {
        bit_regex_destroy(regex);
        return err;
    }
    *out = regex;
    return 0;
}

void bit_regex_destroy(struct bit_regex *regex)
{
    if (regex == NULL)
        return;
    pcre2_code_free(regex->code);
    free(regex);
}

/* ---- searching */

static int reserve(struct bit_regex_search *s, size_t bytes)
{
    if (s->match == NULL)
        s->match = pcre2_match_data_create(1, NULL);
    if (s->room < bytes) {
        size_t room = bytes + bytes / 2 + 64;
        uint8_t *kinds = realloc(s->kinds, room);
        if (kinds != NULL) {
            s->kinds = kinds;
            s->room = room;
        }
    }
    return s->match == NULL || s->room < bytes ? bit_fail(-ENOMEM, "a text of %zu bytes", bytes) : 0;
}

int bit_regex_begin(struct bit_regex_search *s, const struct bit_regex *regex, const uint8_t *text, size_t bytes)
{
    size_t at = 0, count = 0, step;
    int err = reserve(s, bytes);

    if (err < 0)
        return err;
    while (at < bytes) {
        s->kinds[count++] = regex->kind[bit_unicode_decode(text + at, &step)];
        at += step;
    }
    s->regex = regex;
    s->count = count;
    s->at = 0;
    s->last = SIZE_MAX;
    return 0;
}

/* PCRE2's next match from s->at on. Returns 1, 0 or < 0. */
static int match(struct bit_regex_search *s)
{
    int found = pcre2_match(s->regex->code, s->kinds, s->count, s->at, 0, s->match, NULL);

    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
        found = pcre2_match(s->regex->code, s->kinds, s->count, s->at, PCRE2_NO_JIT, s->match, NULL);
    if (found == PCRE2_ERROR_NOMATCH)
        return 0;
    return found < 0 ? bit_fail(BIT_EDATA, "the split pattern gives up on this text (PCRE2 error %d)", found) : 1;
}

int bit_regex_next(struct bit_regex_search *s, size_t *begin, size_t *end)
{
    while (s->at <= s->count) {
        int found = match(s);
        if (found <= 0)
            return found;
        const PCRE2_SIZE *range = pcre2_get_ovector_pointer(s->match);
        if (range[0] != range[1] || range[1] != s->last) {
            *begin = range[0];
            *end = s->at = s->last = range[1];
            return 1;
        }
        s->at++;
    }
    return 0;
}

void bit_regex_search_finish(struct bit_regex_search *s)
{
    pcre2_match_data_free(s->match);
    free(s->kinds);
    *s = (struct bit_regex_search){0};
}
