#include "ctl/tokenize/regex_parse.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/tokenize/property.h"
#include "ctl/tokenize/regex_anchor.h"
#include "ctl/tokenize/regex_class.h"
#include "ctl/tokenize/regex_put.h"
#include "ctl/tokenize/regex_read.h"
#include "proto/check.h"
#include "proto/err.h"

#define REPEAT_MAX 65535 /* PCRE2's limit */

/* ---- single characters */

/* Under (?i), "ss" would match a sharp s and the reverse; such patterns are refused. */
static int push_in_a_row(struct bit_regex_parse *p, uint32_t c)
{
    const size_t room = BIT_COUNT(p->in_a_row);

    if (p->in_a_row_count == room)
        memmove(p->in_a_row, p->in_a_row + 1, (room - 1) * sizeof *p->in_a_row);
    else
        p->in_a_row_count++;
    p->in_a_row[p->in_a_row_count - 1] = c;
    if (bit_property_ends_long(p->in_a_row, p->in_a_row_count))
        return bit_regex_refuse(p, "(?i) over characters that together match a single one, such as \"ss\" and the "
                                   "sharp s");
    return 0;
}

static int put_literal(struct bit_regex_parse *p, uint32_t c)
{
    struct bit_codeset set = {0};
    int err;

    if (!p->any_case) {
        p->in_a_row_count = 0;
        return bit_regex_put_char(p, c);
    }
    err = bit_codeset_add(&set, c, c);
    if (err == 0 && bit_property_folds_long(&set))
        err = bit_regex_refuse(p, "(?i) over a character whose case folding is more than one character, such as the "
                                  "sharp s");
    if (err == 0)
        err = push_in_a_row(p, c);
    if (err == 0)
        err = bit_property_fold(&set);
    if (err == 0)
        err = bit_regex_put_set(p, &set);
    bit_codeset_finish(&set);
    return err;
}

static int put_dot(struct bit_regex_parse *p)
{
    struct bit_codeset set = {0};
    int err = p->dot_all ? 0 : bit_codeset_add(&set, BIT_REGEX_LINE_BREAK, BIT_REGEX_LINE_BREAK);

    if (err == 0)
        err = bit_codeset_invert(&set);
    return err < 0 ? err : bit_regex_put_set(p, &set);
}

static int put_brackets(struct bit_regex_parse *p)
{
    struct bit_codeset set = {0};
    int err = bit_regex_take_brackets(p, &set);

    if (err == 0)
        err = bit_regex_put_set(p, &set);
    bit_codeset_finish(&set);
    return err;
}

/* \R: CR LF, or one line break of any kind. */
static int put_any_break(struct bit_regex_parse *p)
{
    struct bit_codeset set = {0};
    int err = bit_regex_put(p, "(?>");

    if (err == 0)
        err = bit_regex_put_char(p, '\r');
    if (err == 0)
        err = bit_regex_put_char(p, BIT_REGEX_LINE_BREAK);
    if (err == 0)
        err = bit_regex_put(p, "|");
    if (err == 0)
        err = bit_codeset_add(&set, 0x0a, 0x0d);
    if (err == 0)
        err = bit_codeset_add(&set, 0x85, 0x85);
    if (err == 0)
        err = bit_codeset_add(&set, 0x2028, 0x2029);
    if (err == 0)
        err = bit_regex_put_set(p, &set);
    bit_codeset_finish(&set);
    return err < 0 ? err : bit_regex_put(p, ")");
}

/* ---- atoms */

/* Properties of the item that was put last. */
struct atom {
    bool repeatable; /* not an anchor */
    bool empty;      /* may match nothing */
    bool literal;    /* it is the last of in_a_row */
    bool ends;       /* an option for the rest of the group, which was read with it */
};

static int put_choice(struct bit_regex_parse *p, bool *empty);

/* At the character after a backslash. */
static int put_escape(struct bit_regex_parse *p, struct atom *atom)
{
    struct bit_codeset set = {0};
    uint32_t c;
    int err = bit_regex_put_position(p, bit_regex_peek(p, 0));

    if (err != 0) {
        p->at++;
        p->in_a_row_count = 0;
        *atom = (struct atom){.empty = true};
        return err < 0 ? err : 0;
    }
    err = bit_regex_take_set(p, false, &set);
    if (err > 0) {
        p->in_a_row_count = 0;
        err = bit_regex_put_set(p, &set);
    } else if (err == 0 && bit_regex_peek(p, 0) == 'R') {
        p->at++;
        p->in_a_row_count = 0;
        err = put_any_break(p);
    } else if (err == 0) {
        err = bit_regex_take_escape(p, &c);
        if (err == 0)
            err = bit_regex_refuse(p, "'\\%c' is not supported", bit_regex_peek(p, 0));
        else if (err > 0)
            err = put_literal(p, c);
        atom->literal = true;
    }
    bit_codeset_finish(&set);
    return err;
}

/* At '[', '.', a backslash or a literal. */
static int put_single(struct bit_regex_parse *p, struct atom *atom)
{
    const uint8_t next = bit_regex_peek(p, 0);
    uint32_t c;

    if (next == '\\') {
        p->at++;
        return put_escape(p, atom);
    }
    if (next == '[' || next == '.') {
        p->in_a_row_count = 0;
        if (next == '[')
            return put_brackets(p);
        p->at++;
        return put_dot(p);
    }
    int err = bit_regex_take(p, &c);
    atom->literal = true;
    return err < 0 ? err : put_literal(p, c);
}

/* ---- groups */

/* Read the letters of (?i) and (?m-i:..), up to ':' or ')'. */
static int take_options(struct bit_regex_parse *p)
{
    bool on = true;

    for (uint8_t c; (c = bit_regex_peek(p, 0)) != ':' && c != ')'; p->at++) {
        if (c == '-' && on)
            on = false;
        else if (c == 'i')
            p->any_case = on;
        else if (c == 'm')
            p->dot_all = on;
        else
            return bit_regex_refuse(p, "a group of this kind is not supported");
    }
    return 0;
}

/* At the content of a group: read it up to its ')' and past that. */
static int put_content(struct bit_regex_parse *p, const char *open, bool *empty)
{
    int err = bit_regex_put(p, open);

    if (err == 0)
        err = put_choice(p, empty);
    if (err == 0 && bit_regex_peek(p, 0) != ')')
        err = bit_regex_refuse(p, "a group is not closed");
    if (err < 0)
        return err;
    p->at++;
    return bit_regex_put(p, ")");
}

/* (?i:..) is for its content; (?i) is for the rest of the enclosing group, including all its later alternatives. */
static int put_options(struct bit_regex_parse *p, struct atom *atom)
{
    const bool any_case = p->any_case, dot_all = p->dot_all;
    int err = take_options(p);

    if (err < 0)
        return err;
    if (*p->at++ == ':') {
        err = put_content(p, "(?:", &atom->empty);
    } else {
        atom->ends = true;
        err = bit_regex_put(p, "(?:");
        if (err == 0)
            err = put_choice(p, &atom->empty);
        if (err == 0)
            err = bit_regex_put(p, ")");
    }
    p->any_case = any_case;
    p->dot_all = dot_all;
    return err;
}

static int put_look(struct bit_regex_parse *p, const char *open, struct atom *atom)
{
    bool empty;

    p->at += strlen(open) - 2;
    p->looks++;
    int err = put_content(p, open, &empty);
    p->looks--;
    p->in_a_row_count = 0;
    *atom = (struct atom){.empty = true};
    return err;
}

/* At the '<' of (?<name>..): treated as an ordinary group, because references to groups are refused. */
static int put_named(struct bit_regex_parse *p, struct atom *atom)
{
    uint8_t c = bit_regex_peek(p, 1);

    if (!(c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')))
        return bit_regex_refuse(p, "a group's name begins with a letter");
    for (p->at++;
         (c = bit_regex_peek(p, 0)) == '_' || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');)
        p->at++;
    if (c != '>')
        return bit_regex_refuse(p, "a group's name ends with '>'");
    p->at++;
    return put_content(p, "(?:", &atom->empty);
}

/* After "(?". */
static int put_special(struct bit_regex_parse *p, struct atom *atom)
{
    const bool behind = bit_regex_peek(p, 0) == '<';
    const uint8_t next = bit_regex_peek(p, behind ? 1 : 0);

    if (next == '=')
        return put_look(p, behind ? "(?<=" : "(?=", atom);
    if (next == '!')
        return put_look(p, behind ? "(?<!" : "(?!", atom);
    if (behind)
        return put_named(p, atom);
    if (next == ':' || next == '>') {
        p->at++;
        return put_content(p, next == ':' ? "(?:" : "(?>", &atom->empty);
    }
    return put_options(p, atom);
}

/* At '('. */
static int put_group(struct bit_regex_parse *p, struct atom *atom)
{
    if (++p->depth > BIT_REGEX_DEPTH_MAX)
        return bit_regex_refuse(p, "more than %d groups in one another", BIT_REGEX_DEPTH_MAX);
    p->at++;
    if (bit_regex_peek(p, 0) == '*')
        return bit_regex_refuse(p, "a group of this kind is not supported");
    int err;
    if (bit_regex_peek(p, 0) != '?') {
        err = put_content(p, "(?:", &atom->empty);
    } else {
        p->at++;
        err = put_special(p, atom);
    }
    p->depth--;
    return err;
}

/* ---- repeats */

struct repeat {
    uint32_t least, most; /* UINT32_MAX: no limit */
    bool fixed;           /* {n}. A '?' after {n}, and a '+' after any interval, is a separate repeat */
    bool interval;
};

/* Read a number of at most REPEAT_MAX. Returns 1, 0 if there is none, or an error. */
static int take_number(struct bit_regex_parse *p, uint32_t *out)
{
    int digits = 0;

    for (*out = 0; bit_regex_peek(p, 0) >= '0' && bit_regex_peek(p, 0) <= '9'; digits = 1) {
        *out = *out * 10 + (uint32_t)(*p->at++ - '0');
        if (*out > REPEAT_MAX)
            return bit_regex_refuse(p, "more than %d repeats", REPEAT_MAX);
    }
    return digits;
}

/* At '{'. Returns 1, or 0 if the brace stands for itself. */
static int take_interval(struct bit_regex_parse *p, struct repeat *out)
{
    const uint8_t *before = p->at++;
    struct repeat r = {.most = UINT32_MAX, .interval = true};
    int least = take_number(p, &r.least), most = 0;

    if (least < 0)
        return least;
    r.fixed = bit_regex_peek(p, 0) == '}';
    if (bit_regex_peek(p, 0) == ',') {
        p->at++;
        most = take_number(p, &r.most);
        if (most < 0)
            return most;
        if (most == 0)
            r.most = UINT32_MAX;
    }
    if (bit_regex_peek(p, 0) != '}' || (least == 0 && most == 0)) {
        p->at = before;
        return 0;
    }
    p->at++;
    if (r.fixed)
        r.most = r.least;
    if (r.most < r.least)
        return bit_regex_refuse(p, "a repeat's most is less than its least");
    *out = r;
    return 1;
}

/* Read a repeat if there is one. Returns 1 or 0. */
static int take_repeat(struct bit_regex_parse *p, struct repeat *out)
{
    switch (bit_regex_peek(p, 0)) {
    case '*':
        *out = (struct repeat){0, UINT32_MAX, false, false};
        break;
    case '+':
        *out = (struct repeat){1, UINT32_MAX, false, false};
        break;
    case '?':
        *out = (struct repeat){0, 1, false, false};
        break;
    case '{':
        return take_interval(p, out);
    default:
        return 0;
    }
    p->at++;
    return 1;
}

static int put_repeat(struct bit_regex_parse *p, const struct repeat *r)
{
    const uint8_t next = bit_regex_peek(p, 0);
    char text[40];

    if (r->most == UINT32_MAX)
        snprintf(text, sizeof text, "{%u,}", r->least);
    else
        snprintf(text, sizeof text, "{%u,%u}", r->least, r->most);
    int err = bit_regex_put(p, text);
    if (err == 0 && ((next == '?' && !r->fixed) || (next == '+' && !r->interval))) {
        err = bit_regex_put(p, next == '?' ? "?" : "+");
        p->at++;
    }
    return err;
}

/* Put the repeats that follow an atom, whose output begins at `from`. */
static int put_repeats(struct bit_regex_parse *p, size_t from, struct atom *atom)
{
    struct repeat r;
    int count = 0, err;

    while ((err = take_repeat(p, &r)) > 0) {
        if (!atom->repeatable)
            return bit_regex_refuse(p, "a repeat of an anchor");
        if (atom->empty && r.most > 1)
            return bit_regex_refuse(p, "a repeat of what can match nothing is not supported");
        if (atom->literal && p->any_case && r.most > 1)
            err = push_in_a_row(p, p->in_a_row[p->in_a_row_count - 1]);
        if (err >= 0 && count++ > 0)
            err = bit_regex_wrap(p, from);
        if (err >= 0)
            err = put_repeat(p, &r);
        if (err < 0)
            return err;
        atom->empty = atom->empty || r.least == 0;
    }
    return err;
}

/* ---- sequences and alternatives */

static int put_atom(struct bit_regex_parse *p, struct atom *atom)
{
    const uint8_t next = bit_regex_peek(p, 0);
    struct repeat r;
    int err;

    *atom = (struct atom){.repeatable = true};
    if (next == '(')
        return put_group(p, atom);
    if (next == '^' || next == '$') {
        *atom = (struct atom){.empty = true};
        p->at++;
        p->in_a_row_count = 0;
        return next == '^' ? bit_regex_put_line_begin(p) : bit_regex_put_line_end(p);
    }
    err = take_repeat(p, &r);
    if (err != 0)
        return err < 0 ? err : bit_regex_refuse(p, "a repeat of nothing");
    return put_single(p, atom);
}

/* Read up to '|', ')' or the end. */
static int put_sequence(struct bit_regex_parse *p, bool *empty)
{
    int err = 0;

    *empty = true;
    while (err == 0 && p->at < p->end && *p->at != '|' && *p->at != ')') {
        const size_t from = p->code_count;
        struct atom atom;
        err = put_atom(p, &atom);
        if (err == 0 && !atom.ends)
            err = put_repeats(p, from, &atom);
        *empty = *empty && atom.empty;
    }
    return err;
}

/* Read up to ')' or the end. */
static int put_choice(struct bit_regex_parse *p, bool *empty)
{
    bool one;
    int err = put_sequence(p, empty);

    while (err == 0 && bit_regex_peek(p, 0) == '|') {
        p->at++;
        p->in_a_row_count = 0;
        err = bit_regex_put(p, "|");
        if (err == 0)
            err = put_sequence(p, &one);
        *empty = *empty || one;
    }
    return err;
}

/* ---- the whole pattern */

static int begin(struct bit_regex_parse *p, const char *pattern, size_t bytes)
{
    p->begin = p->at = (const uint8_t *)pattern;
    p->end = p->begin + bytes;
    return bytes > BIT_REGEX_BYTES_MAX
               ? bit_fail(BIT_ELIMIT, "a pattern of %zu bytes, more than %u", bytes, BIT_REGEX_BYTES_MAX)
               : 0;
}

int bit_regex_parse(struct bit_regex_parse *p, const char *pattern, size_t bytes)
{
    bool empty;
    int err = begin(p, pattern, bytes);

    if (err == 0)
        err = put_choice(p, &empty);
    if (err == 0 && p->at < p->end)
        err = bit_regex_refuse(p, "a ')' without its '('");
    return err;
}

int bit_regex_parse_literal(struct bit_regex_parse *p, const char *text, size_t bytes)
{
    uint32_t c;
    int err = begin(p, text, bytes);

    while (err == 0 && p->at < p->end) {
        err = bit_regex_take(p, &c);
        if (err == 0)
            err = bit_regex_put_char(p, c);
    }
    return err;
}

void bit_regex_parse_finish(struct bit_regex_parse *p)
{
    for (size_t i = 0; i < p->set_count; i++)
        bit_codeset_finish(&p->sets[i]);
    free(p->sets);
    free(p->code);
    *p = (struct bit_regex_parse){0};
}
