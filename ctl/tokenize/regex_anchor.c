#include "ctl/tokenize/regex_anchor.h"

#include "ctl/tokenize/property.h"
#include "ctl/tokenize/regex_put.h"
#include "ctl/tokenize/regex_read.h"

int bit_regex_put_line_begin(struct bit_regex_parse *p)
{
    int err = bit_regex_put(p, "(?:\\A|(?<=");

    if (err == 0)
        err = bit_regex_put_char(p, BIT_REGEX_LINE_BREAK);
    return err < 0 ? err : bit_regex_put(p, ")(?!\\z))");
}

int bit_regex_put_line_end(struct bit_regex_parse *p)
{
    int err = bit_regex_put(p, "(?=\\z|");

    if (err == 0)
        err = bit_regex_put_char(p, BIT_REGEX_LINE_BREAK);
    return err < 0 ? err : bit_regex_put(p, ")");
}

/* \Z: at the end of the text, or before a line break that ends it. */
static int put_last_line_end(struct bit_regex_parse *p)
{
    int err = bit_regex_put(p, "(?=");

    if (err == 0)
        err = bit_regex_put_char(p, BIT_REGEX_LINE_BREAK);
    return err < 0 ? err : bit_regex_put(p, "?\\z)");
}

static int put_around_word(struct bit_regex_parse *p, const char *before, const char *after)
{
    struct bit_codeset word = {0};
    int err = bit_regex_put(p, before);

    if (err == 0)
        err = bit_property_word(&word);
    if (err == 0)
        err = bit_regex_put_set(p, &word);
    bit_codeset_finish(&word);
    return err < 0 ? err : bit_regex_put(p, after);
}

/* \b: where exactly one of the two neighbours is a word character; \B: anywhere else. */
static int put_word_border(struct bit_regex_parse *p, bool border)
{
    int err = put_around_word(p, "(?:(?<=", ")");

    if (err == 0)
        err = put_around_word(p, border ? "(?!" : "(?=", ")");
    if (err == 0)
        err = put_around_word(p, "|(?<!", ")");
    return err < 0 ? err : put_around_word(p, border ? "(?=" : "(?!", "))");
}

int bit_regex_put_position(struct bit_regex_parse *p, uint8_t letter)
{
    int err = 0;

    switch (letter) {
    case 'A':
        err = bit_regex_put(p, "\\A");
        break;
    case 'z':
        err = bit_regex_put(p, "\\z");
        break;
    case 'G':
        err = bit_regex_put(p, "\\G");
        break;
    case 'K':
        err = p->looks > 0 ? bit_regex_refuse(p, "\\K in a lookaround is not supported") : bit_regex_put(p, "\\K");
        break;
    case 'Z':
        err = put_last_line_end(p);
        break;
    case 'b':
    case 'B':
        err = put_word_border(p, letter == 'b');
        break;
    default:
        return 0;
    }
    return err < 0 ? err : 1;
}
