#include "ctl/tokenize/regex_class.h"

#include <string.h>

#include "ctl/tokenize/property.h"
#include "ctl/tokenize/regex_read.h"
#include "proto/check.h"
#include "proto/err.h"

/* ---- escapes */

static int hexadecimal(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/* Read up to `most` hexadecimal digits. Returns how many there were. */
static int take_digits(struct bit_regex_parse *p, int most, uint32_t *out)
{
    int count = 0;

    for (*out = 0; count < most && hexadecimal(bit_regex_peek(p, 0)) >= 0; count++)
        *out = *out << 4 | (uint32_t)hexadecimal(*p->at++);
    return count;
}

/* At the x or u: \x41 (ASCII only: above that it is a byte, not a character), \x{1F600}, \u00e9. */
static int take_hexadecimal(struct bit_regex_parse *p, uint32_t *c)
{
    bool braced = bit_regex_peek(p, 0) == 'x' && bit_regex_peek(p, 1) == '{', unicode = *p->at == 'u';
    uint32_t value;

    p->at += braced ? 2 : 1;
    int count = take_digits(p, braced ? 8 : unicode ? 4 : 2, &value);
    if (count == 0 || (unicode && count < 4) || (braced && bit_regex_peek(p, 0) != '}'))
        return bit_regex_refuse(p, "a character by its number is \\x41, \\x{1F600} or \\u00E9");
    if (value > BIT_CODE_LAST || (value >= 0xd800 && value <= 0xdfff) || (!braced && !unicode && value > 0x7f))
        return bit_regex_refuse(p, "0x%x is no character", value);
    p->at += braced ? 1 : 0;
    *c = value;
    return 1;
}

static bool is_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

int bit_regex_take_escape(struct bit_regex_parse *p, uint32_t *c)
{
    static const char letters[] = "tnvfrae", values[] = "\t\n\v\f\r\a\x1b";
    const uint8_t next = bit_regex_peek(p, 0);
    const char *letter = next == 0 ? NULL : strchr(letters, next);

    if (next == 'x' || next == 'u')
        return take_hexadecimal(p, c);
    if (letter != NULL) {
        p->at++;
        *c = (uint8_t)values[letter - letters];
        return 1;
    }
    if (is_word(next))
        return 0;
    int err = bit_regex_take(p, c);
    return err < 0 ? err : 1;
}

/* At the p of \p{name} or \p{^name}; inverted: it was P. */
static int take_property(struct bit_regex_parse *p, bool inverted, struct bit_codeset *out)
{
    const uint8_t *close;

    if (bit_regex_peek(p, 1) != '{' || (close = memchr(p->at, '}', (size_t)(p->end - p->at))) == NULL)
        return bit_regex_refuse(p, "a property is \\p{name}");
    bool hat = bit_regex_peek(p, 2) == '^';
    const uint8_t *name = p->at + (hat ? 3 : 2);
    int err = bit_property((const char *)name, (size_t)(close - name), out);
    if (err == BIT_EDATA) {
        char reason[256];
        snprintf(reason, sizeof reason, "%s", bit_fail_text());
        return bit_regex_refuse(p, "%s", reason);
    }
    p->at = close + 1;
    return err == 0 && hat != inverted ? bit_codeset_invert(out) : err;
}

int bit_regex_take_set(struct bit_regex_parse *p, bool in_brackets, struct bit_codeset *out)
{
    const uint8_t next = bit_regex_peek(p, 0), kind = next | 0x20;
    const bool inverted = next != kind;
    int err;

    if (kind == 'p') {
        err = take_property(p, inverted, out);
        return err < 0 ? err : 1;
    }
    if (kind == 'w' && !in_brackets)
        err = bit_property_word(out);
    else if (kind == 'w' || kind == 'd' || kind == 's' || kind == 'h') {
        const char *name = kind == 'w' ? "word" : kind == 'd' ? "digit" : kind == 's' ? "space" : "xdigit";
        err = bit_property_posix(name, strlen(name), out);
    } else
        return 0;
    p->at++;
    if (err == 0 && inverted)
        err = bit_codeset_invert(out);
    return err < 0 ? err : 1;
}

/* ---- brackets */

/* A class in brackets: `set` is the part since the last &&, `common` the intersection of the parts before it. */
struct class
{
    struct bit_codeset set, common;
    bool begun; /* set has at least one member */
    bool has_common;
};

static int take_inner(struct bit_regex_parse *p, bool fold, struct bit_codeset *out);

/* At "[:". */
static int take_posix(struct bit_regex_parse *p, struct bit_codeset *out)
{
    const bool hat = bit_regex_peek(p, 2) == '^';
    const uint8_t *name = p->at + (hat ? 3 : 2), *close = name;

    while (close < p->end && is_word(*close))
        close++;
    if (p->end - close < 2 || close[0] != ':' || close[1] != ']')
        return bit_regex_refuse(p, "'[:' begins no [:name:]");
    int err = bit_property_posix((const char *)name, (size_t)(close - name), out);
    if (err == BIT_EDATA)
        return bit_regex_refuse(p, "[:%.*s:] is not supported", (int)BIT_MIN(close - name, 32), name);
    p->at = close + 2;
    return err == 0 && hat ? bit_codeset_invert(out) : err;
}

/* Read a set inside of brackets: [..], [:name:], \d and the like. Returns 1, or 0 if a single character is here. */
static int take_member_set(struct bit_regex_parse *p, struct bit_codeset *out)
{
    int err;

    if (bit_regex_peek(p, 0) == '[') {
        err = bit_regex_peek(p, 1) == ':' ? take_posix(p, out) : take_inner(p, false, out);
        return err < 0 ? err : 1;
    }
    if (bit_regex_peek(p, 0) != '\\')
        return 0;
    p->at++;
    err = bit_regex_take_set(p, true, out);
    if (err == 0)
        p->at--;
    return err;
}

/* Read a single character inside of brackets. */
static int take_member(struct bit_regex_parse *p, uint32_t *c)
{
    if (bit_regex_peek(p, 0) != '\\')
        return bit_regex_take(p, c);
    p->at++;
    if (bit_regex_peek(p, 0) == 'b') {
        p->at++;
        *c = '\b';
        return 0;
    }
    int err = bit_regex_take_escape(p, c);
    if (err == 0)
        return bit_regex_refuse(p, "'\\%c' in brackets is not supported", bit_regex_peek(p, 0));
    return err < 0 ? err : 0;
}

/* Whether a '-' is here that does not end the class. */
static bool at_range(const struct bit_regex_parse *p)
{
    return bit_regex_peek(p, 0) == '-' && bit_regex_peek(p, 1) != ']';
}

/* Read one member: a set, a character, or a range of characters. */
static int take_members(struct bit_regex_parse *p, struct class *class)
{
    struct bit_codeset set = {0};
    uint32_t first = 0, last;
    bool hyphen = bit_regex_peek(p, 0) == '-';
    int err = take_member_set(p, &set), was_set = err;

    if (err == 0)
        err = take_member(p, &first);
    last = first;
    if (err >= 0 && at_range(p) && (was_set > 0 || hyphen))
        err = bit_regex_refuse(p, "a '-' here is ambiguous; write \\- for the character");
    if (err >= 0 && at_range(p)) {
        p->at++;
        if (bit_regex_peek(p, 0) == '[' || bit_regex_peek(p, 0) == '-')
            err = bit_regex_refuse(p, "a range ends with a character");
        if (err >= 0)
            err = take_member(p, &last);
        if (err >= 0 && (last < first || at_range(p)))
            err = bit_regex_refuse(p, last < first ? "a range ends before it begins"
                                                   : "a '-' here is ambiguous; write \\- for the character");
    }
    if (err >= 0)
        err = was_set > 0 ? bit_codeset_unite(&class->set, &set) : bit_codeset_add(&class->set, first, last);
    class->begun = true;
    bit_codeset_finish(&set);
    return err;
}

/* At && or at the end: intersect the part before it with the earlier ones. */
static int end_part(const struct bit_regex_parse *p, struct class *class)
{
    int err = 0;

    if (!class->begun)
        return bit_regex_refuse(p, "an empty class, or an empty side of &&");
    if (class->has_common)
        err = bit_codeset_intersect(&class->common, &class->set);
    else
        err = bit_codeset_unite(&class->common, &class->set);
    bit_codeset_finish(&class->set);
    class->begun = false;
    class->has_common = true;
    return err;
}

static int take_parts(struct bit_regex_parse *p, struct class *class)
{
    int err = 0;

    while (err >= 0 && bit_regex_peek(p, 0) != ']') {
        if (p->at == p->end)
            return bit_regex_refuse(p, "a bracket is not closed");
        if (bit_regex_peek(p, 0) == '&' && bit_regex_peek(p, 1) == '&') {
            p->at += 2;
            err = end_part(p, class);
            if (err >= 0 && bit_regex_peek(p, 0) == '-')
                err = bit_regex_refuse(p, "a '-' here is ambiguous; write \\- for the character");
        } else if (class->begun && at_range(p)) {
            err = bit_regex_refuse(p, "a '-' here is ambiguous; write \\- for the character");
        } else {
            err = take_members(p, class);
        }
    }
    return err < 0 ? err : end_part(p, class);
}

/* Case is folded over the whole class before it is inverted. Nested classes are not folded separately. */
static int take_inner(struct bit_regex_parse *p, bool fold, struct bit_codeset *out)
{
    struct class class = {0};
    int err = 0;

    if (++p->depth > BIT_REGEX_DEPTH_MAX)
        return bit_regex_refuse(p, "more than %d brackets and groups in one another", BIT_REGEX_DEPTH_MAX);
    p->at++;
    bool inverted = bit_regex_peek(p, 0) == '^';
    p->at += inverted ? 1 : 0;
    if (bit_regex_peek(p, 0) == ']')
        err = bit_regex_refuse(p, "a ']' here is ambiguous; write \\] for the character");
    if (err == 0)
        err = take_parts(p, &class);
    if (err == 0 && fold && !inverted && bit_property_folds_long(&class.common))
        err = bit_regex_refuse(p,
                               "(?i) over a class with characters whose case folding is more than one character, such "
                               "as the sharp s");
    if (err == 0 && fold)
        err = bit_property_fold(&class.common);
    if (err == 0 && inverted)
        err = bit_codeset_invert(&class.common);
    if (err == 0)
        err = bit_codeset_unite(out, &class.common);
    p->at += err == 0 ? 1 : 0;
    p->depth--;
    bit_codeset_finish(&class.set);
    bit_codeset_finish(&class.common);
    return err;
}

int bit_regex_take_brackets(struct bit_regex_parse *p, struct bit_codeset *out)
{
    return take_inner(p, p->any_case, out);
}
