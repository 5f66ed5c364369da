#include "ctl/tokenize/pretokenize.h"

#include "ctl/tokenize/unicode.h"
#include "proto/err.h"
#include "tests/test.h"

/* Pieces joined by '|'. */
struct joined {
    char text[1024];
    size_t used;
};

static int join(void *arg, const uint8_t *piece, size_t bytes)
{
    struct joined *j = arg;

    if (j->used + bytes + 2 > sizeof j->text)
        return -1;
    memcpy(j->text + j->used, piece, bytes);
    j->used += bytes;
    j->text[j->used++] = '|';
    j->text[j->used] = '\0';
    return 0;
}

static const char *cut(const struct bit_pretokenizer *p, const char *text)
{
    static struct joined j;
    struct bit_pretokenize_scratch scratch = {0};

    j.used = 0;
    j.text[0] = '\0';
    EXPECT_EQ(bit_pretokenize(p, &scratch, (const uint8_t *)text, strlen(text), join, &j), 0);
    bit_pretokenize_scratch_finish(&scratch);
    return j.text;
}

static const struct bit_pretokenizer gpt2 = {.steps = {{.kind = BIT_SPLIT_GPT2}}, .count = 1};

TEST(gpt2_words_and_spaces)
{
    EXPECT_STREQ(cut(&gpt2, ""), "");
    EXPECT_STREQ(cut(&gpt2, "Hello world"), "Hello| world|");
    EXPECT_STREQ(cut(&gpt2, " a  b   c"), " a| | b|  | c|");
    EXPECT_STREQ(cut(&gpt2, "a \n b"), "a| \n| b|");
    EXPECT_STREQ(cut(&gpt2, "a\n\nb\n"), "a|\n|\n|b|\n|");
    EXPECT_STREQ(cut(&gpt2, "end   "), "end|   |");
    EXPECT_STREQ(cut(&gpt2, "x\t y"), "x|\t| y|");
    EXPECT_STREQ(cut(&gpt2, "x\ty"), "x|\t|y|");
}

TEST(gpt2_contractions)
{
    EXPECT_STREQ(cut(&gpt2, "they're I'm we'll he'd it's can't I've"),
                 "they|'re| I|'m| we|'ll| he|'d| it|'s| can|'t| I|'ve|");
    EXPECT_STREQ(cut(&gpt2, "I'M 'sup 'r 'l"), "I|'|M| '|sup| '|r| '|l|");
    EXPECT_STREQ(cut(&gpt2, "!'s"), "!'|s|");
    EXPECT_STREQ(cut(&gpt2, "'"), "'|");
    EXPECT_STREQ(cut(&gpt2, "'sss"), "'s|ss|");
}

TEST(gpt2_numbers_and_signs)
{
    EXPECT_STREQ(cut(&gpt2, "a1b22 333.4"), "a|1|b|22| 333|.|4|");
    EXPECT_STREQ(cut(&gpt2, "x += [1];"), "x| +=| [|1|];|");
    EXPECT_STREQ(cut(&gpt2, "\x01\x7f ok"), "\x01\x7f| ok|");
}

TEST(gpt2_scripts)
{
    EXPECT_STREQ(cut(&gpt2, "h\u00e9 \u4e2d\u6587 \u0661\u0662 \u00bd"),
                 "h\u00e9| \u4e2d\u6587| \u0661\u0662| \u00bd|");
    EXPECT_STREQ(cut(&gpt2, "a\u0301b"), "a|\u0301|b|");              /* a mark is no letter */
    EXPECT_STREQ(cut(&gpt2, "a\u00a0\u00a0b"), "a|\u00a0|\u00a0|b|"); /* only U+0020 joins the next word */
    EXPECT_STREQ(cut(&gpt2, "a\xc2\x85\u2028z"), "a|\xc2\x85|\u2028|z|");
    EXPECT_STREQ(cut(&gpt2, "a \u180eb"), "a| \u180e|b|");              /* no white space since Unicode 6.3 */
    EXPECT_STREQ(cut(&gpt2, "\u1c89\U0001f600"), "\u1c89|\U0001f600|"); /* a letter since Unicode 16 */
}

/* For ASCII the table agrees with the C library, and bit_gpt2_end with both. */
TEST(ascii_classes_are_the_tables)
{
    for (uint32_t c = 0; c < 128; c++) {
        bool letter = isalpha((int)c), digit = isdigit((int)c), space = c == ' ' || (c >= 9 && c <= 13);
        EXPECT_EQ(bit_unicode(c)->class, letter  ? BIT_UNICODE_LETTER
                                         : digit ? BIT_UNICODE_NUMBER
                                         : space ? BIT_UNICODE_SPACE
                                                 : BIT_UNICODE_OTHER);
        char text[3] = {'a', (char)c, '\0'};
        EXPECT_EQ(bit_gpt2_end((const uint8_t *)text, 2, 0), letter ? 2 : 1);
    }
}

/* GPT-2's pattern in the regex engine cuts like the hand-written matcher. */
TEST(matcher_equals_pattern)
{
    static const char *const parts[] = {"a", "Z",  "'s", "'", "'ll",    " ",      "  ",     "\n",     "\t",
                                        "1", "23", "?!", "-", "\u00e9", "\u4e2d", "\u0661", "\u0301", "\u00a0"};
    struct bit_pretokenizer pattern = {.count = 1};
    uint32_t seed = 1;

    if (!EXPECT_EQ(bit_split_regex(BIT_GPT2_PATTERN, strlen(BIT_GPT2_PATTERN), false, &pattern.steps[0]), 0))
        return;
    for (int i = 0; i < 2000; i++) {
        char text[256] = "", matched[1024];
        for (int n = i % 20; n > 0; n--) {
            seed = seed * 1664525u + 1013904223u;
            strcat(text, parts[(seed >> 8) % (sizeof parts / sizeof parts[0])]);
        }
        snprintf(matched, sizeof matched, "%s", cut(&gpt2, text));
        EXPECT_STREQ(cut(&pattern, text), matched);
    }
    bit_pretokenizer_finish(&pattern);
}

TEST(steps_follow_each_other)
{
    struct bit_pretokenizer p = {
        .steps = {{.kind = BIT_SPLIT_DIGITS, .single = true}, {.kind = BIT_SPLIT_PREFIX}, {.kind = BIT_SPLIT_GPT2}},
        .count = 3,
    };

    EXPECT_STREQ(cut(&p, "ab12 c"), " ab| 1| 2| c|");
    p.steps[0].single = false;
    EXPECT_STREQ(cut(&p, "ab12c"), " ab| 12| c|");
}

/* Digits are those of Rust's Unicode 17.0, not of the regex engine's 16.0. */
TEST(digits_are_those_of_unicode_17)
{
    struct bit_pretokenizer p = {.steps = {{.kind = BIT_SPLIT_DIGITS, .single = true}}, .count = 1};

    EXPECT_STREQ(cut(&p, "a\U00011de0\U00011de9b"), "a|\U00011de0|\U00011de9|b|");
    EXPECT_STREQ(cut(&p, "a\u00bdb\u2165"), "a|\u00bd|b|\u2165|");
    EXPECT_STREQ(cut(&gpt2, "a\U00011de0\U00011de9b"), "a|\U00011de0\U00011de9|b|"); /* not numbers in Unicode 16.0 */
    EXPECT_STREQ(cut(&gpt2, "\U00011de01"), "\U00011de0|1|");
}

TEST(regex_drops_and_inverts)
{
    struct bit_pretokenizer p = {.count = 1};

    if (!EXPECT_EQ(bit_split_regex("[0-9]+", 6, false, &p.steps[0]), 0))
        return;
    EXPECT_STREQ(cut(&p, "a12b3"), "a|12|b|3|");
    p.steps[0].dropped = true;
    EXPECT_STREQ(cut(&p, "a12b3"), "a|b|");
    p.steps[0].invert = true;
    EXPECT_STREQ(cut(&p, "a12b3"), "12|3|");
    bit_pretokenizer_finish(&p);
    p.count = 1;
    if (!EXPECT_EQ(bit_split_regex("a.", 2, true, &p.steps[0]), 0))
        return;
    EXPECT_STREQ(cut(&p, "aba.ab"), "ab|a.|ab|");
    bit_pretokenizer_finish(&p);
}

TEST(pattern_that_does_not_compile)
{
    struct bit_split split = {0};

    EXPECT_EQ(bit_split_regex("a(b", 3, false, &split), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "offset 3");
}

TEST_MAIN
