#include "proto/format.h"

#include "proto/utf8.h"
#include "tests/message.h"
#include "tests/test.h"

TEST(what_fits_is_as_printf_writes_it)
{
    char text[32];

    EXPECT_EQ(bit_format(text, sizeof text, "rank %d: %s", 3, "grüße"), 15u);
    EXPECT_STREQ(text, "rank 3: grüße");
    EXPECT_EQ(bit_format(text, 1, "%s", "grüße"), 0u);
    EXPECT_STREQ(text, "");
    EXPECT_EQ(bit_format(text, sizeof text, "%s", ""), 0u);
}

/* For every size of the buffer: as many whole characters as fit. */
TEST(a_cut_is_between_characters)
{
    static const char all[] = "aé€\xf0\x9f\x98\x80z";
    static const size_t ends[] = {0, 1, 3, 6, 10, 11};

    for (size_t room = 1; room <= sizeof all; room++) {
        char text[sizeof all + 1];
        size_t most = 0;
        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
            most = ends[i] < room ? ends[i] : most;
        memset(text, 'x', sizeof text);
        EXPECT_EQ(bit_format(text, room, "%s", all), most);
        EXPECT_EQ(strlen(text), most);
        EXPECT_MEMEQ(text, all, most);
        EXPECT_EQ(bit_format_fit(all, room - 1), (int)most);
    }
}

TEST(bytes_of_no_character_are_replaced)
{
    char text[32];

    bit_format(text, sizeof text, "p\xe9riph %.*s|", 2, "\xe2\x82\xac");
    EXPECT_STREQ(text, "p?riph ??|");
    bit_format(text, 6, "%s", "abc\x80\x80\x80\x80\x80");
    EXPECT_STREQ(text, "abc??");
}

TEST(more_goes_after)
{
    char text[8] = "ab";

    EXPECT_EQ(bit_format_more(text, sizeof text, "%s", "éé€"), 6u);
    EXPECT_STREQ(text, "abéé");
    EXPECT_EQ(bit_format_more(text, sizeof text, "%s", "xyz"), 7u);
    EXPECT_STREQ(text, "abééx");
    EXPECT_EQ(bit_format_more(text, sizeof text, "%s", "xyz"), 7u);
}

TEST(anything_becomes_a_text)
{
    uint64_t state = 1;

    for (int i = 0; i < 20000; i++) {
        char in[24], out[24];
        size_t bytes = test_random(&state) % sizeof in, room = 1 + test_random(&state) % sizeof out;
        for (size_t k = 0; k < bytes; k++)
            in[k] = (char)(1 + test_random(&state) % 255);
        in[bytes < sizeof in ? bytes : sizeof in - 1] = '\0';
        size_t got = bit_format(out, room, "%s", in);
        if (!EXPECT(got < room && strlen(out) == got && bit_utf8_valid(out, got)))
            return;
        int fit = bit_format_fit(in, room - 1);
        EXPECT(fit >= 0 && (size_t)fit < room && (!bit_utf8_valid(in, strlen(in)) || bit_utf8_valid(in, (size_t)fit)));
    }
}

TEST_MAIN
