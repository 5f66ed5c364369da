#include "proto/escape.h"

#include <string.h>

#include "proto/utf8.h"
#include "tests/test.h"

/* The whole text, escaped. */
static const char *shown(const char *text, size_t bytes)
{
    static char out[1024];
    size_t at = 0, used;

    for (size_t from = 0; from < bytes && at + BIT_ESCAPE_MAX < sizeof out; from += used)
        at += bit_escape_next(text + from, bytes - from, out + at, &used);
    out[at] = '\0';
    return out;
}

TEST(what_acts_on_a_terminal_is_shown_instead)
{
    EXPECT_STREQ(shown("a\033[2J\a\b", 7), "a\\x1b[2J\\x07\\x08");
    EXPECT_STREQ(shown("\n\t\r\0\x7f", 5), "\\n\\t\\r\\x00\\x7f");
    EXPECT_STREQ(shown("\xc2\x9b"
                       "31m\xc2\x85",
                       7),
                 "\\u009b31m\\u0085");
}

TEST(what_turns_a_line_around_is_shown_instead)
{
    EXPECT_STREQ(shown("\xe2\x80\xae"
                       "cod",
                       6),
                 "\\u202ecod");
    EXPECT_STREQ(shown("\xd8\x9c\xe2\x80\x8e\xe2\x81\xa6\xe2\x80\xa8", 11), "\\u061c\\u200e\\u2066\\u2028");
}

TEST(bytes_of_no_character_are_shown_one_by_one)
{
    EXPECT_STREQ(shown("gr\xfc\xdf"
                       "e",
                       5),
                 "gr\\xfc\\xdfe");
    EXPECT_STREQ(shown("\xe2\x80", 2), "\\xe2\\x80");
    EXPECT_STREQ(shown("\xc0\x9b", 2), "\\xc0\\x9b"); /* an overlong ESC, which some terminals would accept */
}

TEST(text_of_any_language_is_left_alone)
{
    static const char text[] = "grüße, \\ \"µ\" 漢字 עברית ไทย \xf0\x9f\x98\x80 zero\xe2\x80\x8dwidth";

    EXPECT_STREQ(shown(text, sizeof text - 1), text);
}

/* Every code point comes out as itself or escaped in ASCII, in at most BIT_ESCAPE_MAX bytes. */
TEST(nothing_harmful_is_left_of_any_code_point)
{
    int escaped = 0;

    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        char text[4], out[BIT_ESCAPE_MAX];
        size_t used, bytes = code >= 0xd800 && code < 0xe000 ? 0 : bit_utf8_encode(code, text);
        if (bytes == 0)
            continue;
        size_t put = bit_escape_next(text, bytes, out, &used);
        bool same = put == bytes && memcmp(out, text, bytes) == 0;
        escaped += !same;
        if (used != bytes || put > BIT_ESCAPE_MAX || same == bit_escape_needed(code) || (!same && out[0] != '\\'))
            EXPECT_EQ(code, 0xffffffffu);
    }
    EXPECT_EQ(escaped, 32 + 33 + 1 + 2 + 2 + 5 + 4);
}

TEST_MAIN
