#include "ctl/show/show.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

static char *text;
static size_t text_bytes;

static FILE *begin(void)
{
    free(text);
    text = NULL;
    return open_memstream(&text, &text_bytes);
}

#define SHOWN(...) (shown_file = begin(), bit_show(shown_file, __VA_ARGS__), fclose(shown_file), text)
static FILE *shown_file;

TEST(figures_are_as_printf_prints_them)
{
    char want[256];

    snprintf(want, sizeof want, "%5d|%-5u|%05d|%+d|%x|%016" PRIx64 "|%.3f|%10.2e|%-9.3g|%zu|%llu|%*.*f|%lu|%%", -42, 7u,
             42, 3, 255u, UINT64_C(0xabc), 1.0 / 3, 12345.678, 0.25, (size_t)99, 1ULL << 60, 8, 2, 2.5, 12ul);
    EXPECT_STREQ(SHOWN("%5d|%-5u|%05d|%+d|%x|%016" PRIx64 "|%.3f|%10.2e|%-9.3g|%zu|%llu|%*.*f|%lu|%%", -42, 7u, 42, 3,
                       255u, UINT64_C(0xabc), 1.0 / 3, 12345.678, 0.25, (size_t)99, 1ULL << 60, 8, 2, 2.5, 12ul),
                 want);
}

TEST(texts_are_harmless_and_the_format_passes)
{
    EXPECT_STREQ(SHOWN("\033[K%s:\n\t%s|%c", "\033[2J\nr9: completed",
                       "\xc2\x9b"
                       "1m\xe2\x80\xae",
                       '\a'),
                 "\033[K\\x1b[2J\\nr9: completed:\n\t\\u009b1m\\u202e|\\x07");
    EXPECT_STREQ(SHOWN("%s", "gr\xfc\xdf"), "gr\\xfc\\xdf");
}

TEST(widths_count_characters_as_shown_and_precisions_keep_them_whole)
{
    EXPECT_STREQ(SHOWN("%-6s|%6s|%*s|%-*s|", "gr\xc3\xbc\xc3\x9f", "\x1b", 3, "a", 3, "b"),
                 "gr\xc3\xbc\xc3\x9f  |  \\x1b|  a|b  |");
    EXPECT_STREQ(SHOWN("%.3s|%.4s|%-4.2s|", "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", "\xe2\x82\xac"),
                 "gr|gr\xc3\xbc|    |");
    EXPECT_STREQ(SHOWN("%.2s", "\xff\xff\xff"), "\\xff\\xff");
    const char unended[3] = {'a', 'b', 'c'};
    EXPECT_STREQ(SHOWN("%.*s", 3, unended), "abc");
}

/* A text is shown the same in pieces of any length: no character is split where a piece ends. */
TEST(a_stream_is_shown_the_same_however_it_is_cut)
{
    static const char in[] =
        "loss\t3.2\n\033[31mred \xe6\xbc\xa2\xf0\x9f\x98\x80 \xc2\x9b \xe2\x80\xae \xe2\x82z \xff\xf0\x9f";
    static const char want[] =
        "loss\t3.2\n\\x1b[31mred \xe6\xbc\xa2\xf0\x9f\x98\x80 \\u009b \\u202e \\xe2\\x82z \\xff\\xf0\\x9f";

    for (size_t piece = 1; piece < sizeof in; piece++) {
        struct bit_show_held held = {.bytes = 0};
        FILE *f = begin();
        for (size_t at = 0; at < sizeof in - 1; at += piece)
            bit_show_piece(f, &held, in + at, at + piece < sizeof in - 1 ? piece : sizeof in - 1 - at);
        bit_show_piece_end(f, &held);
        fclose(f);
        EXPECT_STREQ(text, want);
    }
    free(text);
    text = NULL;
}

TEST_MAIN
