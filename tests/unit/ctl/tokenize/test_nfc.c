#include "ctl/tokenize/nfc.h"

#include "ctl/tokenize/unicode.h"
#include "tests/test.h"

static void expect_form(const char *text, const char *want)
{
    struct bit_nfc nfc = {0};
    int changed = bit_nfc(&nfc, (const uint8_t *)text, strlen(text));

    if (changed == 0)
        EXPECT_STREQ(text, want);
    else if (EXPECT_EQ(changed, 1) && EXPECT_EQ(nfc.text_bytes, strlen(want)))
        EXPECT_MEMEQ(nfc.text, want, nfc.text_bytes);
    bit_nfc_finish(&nfc);
}

TEST(text_in_form_is_not_copied)
{
    static const char *const texts[] = {"", "plain text", "\u00e9\u4e2d\uac00", "x\u0334\u0305", "\u0905\u0902"};
    struct bit_nfc nfc = {0};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        EXPECT_EQ(bit_nfc(&nfc, (const uint8_t *)texts[i], strlen(texts[i])), 0);
    EXPECT(nfc.text == NULL);
    bit_nfc_finish(&nfc);
}

TEST(composes)
{
    expect_form("e\u0301", "\u00e9");
    expect_form("a\u0323x\u0334", "\u1ea1x\u0334");
    expect_form("xe\u0301y", "x\u00e9y");
    expect_form("q\u0307\u0323", "q\u0323\u0307"); /* only reordered */
    expect_form("\u1e9b\u0323", "\u1e9b\u0323");
    expect_form("\u212b", "\u00c5");
    expect_form("\u0344", "\u0308\u0301");
    expect_form("\u1100\u1161\u11a8", "\uac01");
    expect_form("\uac00\u11a8", "\uac01");
    expect_form("\u0958", "\u0915\u093c"); /* excluded from composition */
}

TEST(blocked_marks_stay)
{
    expect_form("a\u0305\u0301", "a\u0305\u0301"); /* a mark of the same class is between */
    expect_form("a\u0334\u0301", "\u00e1\u0334");
}

TEST(younger_than_unicode_9_is_left_alone)
{
    expect_form("\U00011935\U00011930", "\U00011935\U00011930"); /* composes since Unicode 13 */
    expect_form("a\u1df6\u0334", "a\u1df6\u0334");               /* a mark since Unicode 10 */
}

/* 60,000 marks in the worst order: linear time, and a stable sort by class. */
TEST(long_run_of_marks)
{
    enum { PAIRS = 30000 };
    char *text = malloc(PAIRS * 4 + 1), *want = malloc(PAIRS * 4 + 1);

    if (!EXPECT(text != NULL && want != NULL))
        return;
    for (int i = 0; i < PAIRS; i++) {
        memcpy(text + i * 4, "\u0305\u0323", 4);
        memcpy(want + i * 2, "\u0323", 2);
        memcpy(want + PAIRS * 2 + i * 2, "\u0305", 2);
    }
    text[PAIRS * 4] = want[PAIRS * 4] = '\0';
    expect_form(text, want);
    free(text);
    free(want);
}

/* Decomposing and composing are inverse wherever composition is allowed. */
TEST(every_composite_round_trips)
{
    int composites = 0;

    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        uint32_t part[2];
        if (bit_unicode_decompose(c, part) == 2 && !bit_unicode(c)->unstable) {
            EXPECT_EQ(bit_unicode_compose(part[0], part[1]), c);
            composites++;
        }
    }
    EXPECT_EQ(composites, 940 + 11172);
}

TEST_MAIN
