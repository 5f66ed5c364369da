#include "proto/utf8.h"

#include "proto/check.h"
#include "tests/test.h"

/* Lead bytes and the ranges of the second byte, from table 3-7 of the Unicode standard. */
static bool may_begin(uint8_t a, uint8_t b)
{
    if (a >= 0xc2 && a <= 0xf4 && b >= 0x80 && b <= 0xbf)
        return !(a == 0xe0 && b < 0xa0) && !(a == 0xed && b > 0x9f) && !(a == 0xf0 && b < 0x90) &&
               !(a == 0xf4 && b > 0x8f);
    return false;
}

static size_t length_of(uint8_t lead)
{
    return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

TEST(every_code_point_goes_there_and_back)
{
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        uint32_t back = UINT32_MAX;
        char text[4];
        if (code == 0xd800)
            code = 0xe000;
        size_t bytes = bit_utf8_encode(code, text);
        if (!EXPECT_EQ(bit_utf8_decode(text, bytes, &back), bytes) || !EXPECT_EQ(back, code))
            return;
        for (size_t cut = 1; cut < bytes; cut++)
            EXPECT_EQ(bit_utf8_decode(text, cut, &back), 0u);
    }
}

TEST(every_pair_of_bytes_begins_what_it_may)
{
    for (int a = 0x80; a < 0x100; a++)
        for (int b = 0; b < 0x100; b++) {
            const char text[4] = {(char)a, (char)b, '\x80', '\x80'};
            uint32_t code;
            size_t want = may_begin((uint8_t)a, (uint8_t)b) ? length_of((uint8_t)a) : 0;
            if (!EXPECT_EQ(bit_utf8_decode(text, 4, &code), want))
                fprintf(stderr, "    %02x %02x\n", a, b);
        }
}

TEST(whole_texts)
{
    EXPECT(bit_utf8_valid("", 0));
    EXPECT(bit_utf8_valid("grüße € \xf0\x9f\x98\x80", strlen("grüße € \xf0\x9f\x98\x80")));
    EXPECT(bit_utf8_valid("a\0b", 3));
    EXPECT(!bit_utf8_valid("gr\xfc", 3));
    EXPECT(!bit_utf8_valid("€", 2));
    EXPECT(!bit_utf8_valid("\xed\xa0\x80", 3)); /* a surrogate */
    EXPECT(!bit_utf8_valid("\xc0\x80", 2));     /* an overlong NUL */
}

static void expect_repaired(const char *text, const char *want)
{
    char buf[64];

    snprintf(buf, sizeof buf, "%s", text);
    bit_utf8_repair(buf);
    EXPECT_STREQ(buf, want);
    EXPECT(bit_utf8_valid(buf, strlen(buf)));
}

TEST(texts_of_others_are_repaired)
{
    expect_repaired("", "");
    expect_repaired("grüße", "grüße");
    expect_repaired("gr\xfc\xdf"
                    "e",
                    "gr??e");
    expect_repaired("\xe2\x82", "??");
    expect_repaired("\xf0\x9f\x98\x80\x80", "\xf0\x9f\x98\x80?");
    expect_repaired("\xed\xa0\x80", "???");
}

TEST_MAIN
