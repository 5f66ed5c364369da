#include "ctl/tokenize/regex.h"

#include <errno.h>

#include "ctl/tokenize/regex_parse.h"
#include "proto/err.h"
#include "tests/test.h"

/* Matches of a pattern in a text, in characters: "0-2 5-5". */
static const char *matches(const char *pattern, const char *text)
{
    static char line[1024];
    struct bit_regex_search search = {0};
    struct bit_regex *regex = NULL;
    size_t begin, end, used = 0;

    line[0] = '\0';
    if (!EXPECT_EQ(bit_regex_create(pattern, strlen(pattern), false, &regex), 0))
        return bit_fail_text();
    EXPECT_EQ(bit_regex_begin(&search, regex, (const uint8_t *)text, strlen(text)), 0);
    while (bit_regex_next(&search, &begin, &end) > 0 && used < sizeof line - 32)
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%zu-%zu", used > 0 ? " " : "", begin, end);
    bit_regex_search_finish(&search);
    bit_regex_destroy(regex);
    return line;
}

/* Results of tokenizers 0.23.3; tests/tokenize/patterns.py compares many more. */
TEST(classes)
{
    EXPECT_STREQ(matches("\\w+", "e\u0301t\u00b2_ \u24d0-"), "0-5 6-7");
    EXPECT_STREQ(matches("[\\w]+", "e\u0301t\u00b2_"), "0-3 4-5"); /* in brackets \w has no superscripts */
    EXPECT_STREQ(matches("\\h+", "xDEADg\t"), "1-5");
    EXPECT_STREQ(matches("\\s+", "a \u180e\u3000"), "1-2 3-4");
    EXPECT_STREQ(matches("[[:punct:]]+", "a+$.b"), "1-4");
    EXPECT_STREQ(matches("\\p{Punct}+", "a+$.b"), "3-4");
    EXPECT_STREQ(matches("[a-z&&[^aeiou]]+", "abcde&"), "1-4");
    EXPECT_STREQ(matches("[^a-c[x]]", "axd"), "2-3");
    EXPECT_STREQ(matches("\\p{^Han}+", "a\u6f22"), "0-1");
    EXPECT_STREQ(matches("[\\]\\-a]+", "]-a["), "0-3");
    EXPECT_STREQ(matches("[\\b]", "a\b"), "1-2");
    EXPECT_STREQ(matches("\\u00e9|\\x{1F600}|\\x41", "A\u00e9\U0001f600"), "0-1 1-2 2-3");
}

TEST(lines_and_words)
{
    EXPECT_STREQ(matches("^", "a\nb\n"), "0-0 2-2"); /* not at the end */
    EXPECT_STREQ(matches("$", "a\nb\n"), "1-1 3-3 4-4");
    EXPECT_STREQ(matches("\\Z", "a\n"), "1-1 2-2");
    EXPECT_STREQ(matches("\\A.|.\\z", "abc"), "0-1 2-3");
    EXPECT_STREQ(matches(".+", "ab\nc"), "0-2 3-4");
    EXPECT_STREQ(matches("(?m:.+)", "ab\nc"), "0-4");
    EXPECT_STREQ(matches("\\b", "a\u0301 b"), "0-0 2-2 3-3 4-4");
    EXPECT_STREQ(matches("\\R", "a\r\nb\r\u2028"), "1-3 4-5 5-6");
}

TEST(nothing_matches_too)
{
    EXPECT_STREQ(matches("a|", "xax"), "0-0 1-2 3-3");
    EXPECT_STREQ(matches("b*", "ab"), "0-0 1-2");
    EXPECT_STREQ(matches("", "ab"), "0-0 1-1 2-2");
    EXPECT_STREQ(matches("a", ""), "");
}

TEST(repeats)
{
    EXPECT_STREQ(matches("a{,2}", "aaab"), "0-2 2-3 4-4");
    EXPECT_STREQ(matches("a{2}+", "aaaaa"), "0-4"); /* a repeat of a repeat */
    EXPECT_STREQ(matches("a{2}?b", "aab"), "0-3");
    EXPECT_STREQ(matches("a{,}", "aa{,}"), "1-5"); /* literal braces */
    EXPECT_STREQ(matches("a?+a", "aa"), "0-2");
    EXPECT_STREQ(matches("(?:ab|a){2}", "aab"), "0-3");
}

TEST(case_folds)
{
    EXPECT_STREQ(matches("(?i)k", "kK\u212a"), "0-1 1-2 2-3");
    EXPECT_STREQ(matches("a(?i)b|c", "aB C aC"), "0-2 5-7"); /* to the end of the group */
    EXPECT_STREQ(matches("(a(?i)b)c", "aBc aBC"), "0-3");
    EXPECT_STREQ(matches("(?i)[^a-k]+", "Kx\u212aL"), "1-2 3-4");
    EXPECT_STREQ(matches("(?i)\\p{Lu}", "aB"), "1-2"); /* properties are not folded */
}

static void expect_refused(const char *pattern, const char *reason)
{
    struct bit_regex *regex = NULL;

    if (!EXPECT_EQ(bit_regex_create(pattern, strlen(pattern), false, &regex), BIT_EDATA))
        fprintf(stderr, "    %s\n", pattern);
    EXPECT_CONTAINS(bit_fail_text(), reason);
    EXPECT(regex == NULL);
    bit_regex_destroy(regex);
}

TEST(refused_with_offset_and_reason)
{
    expect_refused("ab\\X", "offset 3: '\\X' is not supported");
    expect_refused("(a)\\1", "offset 4: '\\1' is not supported");
    expect_refused("a(?:b", "offset 5: a group is not closed");
    expect_refused("a)", "offset 1: a ')' without its '('");
    expect_refused("[ab", "a bracket is not closed");
    expect_refused("+a", "a repeat of nothing");
    expect_refused("^*", "a repeat of an anchor");
    expect_refused("(?:a*)+", "a repeat of what can match nothing");
    expect_refused("(?x)a", "a group of this kind");
    expect_refused("(?~a)", "a group of this kind");
    expect_refused("(?(1)a)", "a group of this kind");
    expect_refused("(*F)", "a group of this kind");
    expect_refused("\\p{Emoji}", "'emoji' is not supported");
    expect_refused("\\pL", "a property is");
    expect_refused("[a-\\d]", "'\\d' in brackets");
    expect_refused("[a-c-e]", "ambiguous");
    expect_refused("[&&a]", "empty side");
    expect_refused("[[:nope:]]", "[:nope:]");
    expect_refused("a{3,1}", "most is less");
    expect_refused("a{65536}", "more than 65535");
    expect_refused("\\xe9", "no character");
    expect_refused("\\ud800", "no character");
    expect_refused("(?i)ss", "sharp s");
    expect_refused("(?i)\u00df", "sharp s");
    expect_refused("(?i)[\\p{L}]", "sharp s");
    expect_refused("(?<=a+)b", "does not compile");
    expect_refused("a\xff", "no UTF-8");
}

TEST(limits)
{
    struct bit_regex *regex = NULL;
    char text[4096];
    size_t used = 0;

    for (int i = 0; i < 300; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "\\u%04x", 0x4e00 + i);
    EXPECT_EQ(bit_regex_create(text, used, false, &regex), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "256 kinds");
    memset(text, '(', 100);
    EXPECT_EQ(bit_regex_create(text, 100, false, &regex), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "in one another");
    char *large = calloc(1, BIT_REGEX_BYTES_MAX + 1);
    EXPECT_EQ(bit_regex_create(large, BIT_REGEX_BYTES_MAX + 1, false, &regex), BIT_ELIMIT);
    free(large);
    EXPECT(regex == NULL);
}

/* 256 kinds of characters are allowed: 255 letters, and all others. */
TEST(every_byte_is_a_kind)
{
    char pattern[8192];
    size_t used = 0;

    for (int i = 0; i < 255; i++)
        used += (size_t)snprintf(pattern + used, sizeof pattern - used, "%s\\u%04x", i > 0 ? "|" : "", 0x4e00 + i);
    EXPECT_STREQ(matches(pattern, "\u4efe\u4e00y"), "0-1 1-2");
}

TEST_MAIN
