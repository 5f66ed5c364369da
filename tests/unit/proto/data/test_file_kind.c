/* Files that are given as token files, but are something else. */
#include "proto/data/file_kind.h"

#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/test.h"

#define COUNT 512 /* ids of a file */

/* Ids below vocab, of token_bytes bytes each, distributed as in texts: mostly small, some large. */
static size_t draw(uint8_t *out, unsigned token_bytes, uint32_t vocab)
{
    uint64_t state = 88172645463325252u;

    for (size_t i = 0; i < COUNT; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        const double u = (double)(state >> 11) * 0x1p-53;
        const uint32_t id = (uint32_t)(u * u * u * vocab);
        for (unsigned k = 0; k < token_bytes; k++)
            out[i * token_bytes + k] = (uint8_t)(id >> 8 * k);
    }
    return COUNT * token_bytes;
}

TEST(ids_of_every_vocabulary_are_tokens)
{
    static const uint32_t vocabs[] = {256, 1000, 50280, 65536, 70000, 128256, 1 << 20};
    uint8_t bytes[COUNT * 4];

    for (size_t i = 0; i < BIT_COUNT(vocabs); i++)
        for (unsigned width = 2; width <= 4; width += 2)
            if (width == 4 || vocabs[i] <= 65536)
                EXPECT_EQ(bit_file_kind(bytes, draw(bytes, width, vocabs[i]), width, vocabs[i]), BIT_FILE_TOKENS);
}

TEST(the_other_width_is_seen)
{
    uint8_t bytes[COUNT * 4];

    EXPECT_EQ(bit_file_kind(bytes, draw(bytes, 4, 50280), 2, 50280), BIT_FILE_IDS_32);
    EXPECT_EQ(bit_file_kind(bytes, draw(bytes, 4, 128256), 2, 50280), BIT_FILE_IDS_32);
    EXPECT_EQ(bit_file_kind(bytes, draw(bytes, 2, 50280), 4, 128256), BIT_FILE_IDS_16);
}

TEST(one_id_over_and_over_is_no_ground_for_another_width)
{
    uint8_t zeros[COUNT] = {0};

    EXPECT_EQ(bit_file_kind(zeros, sizeof zeros, 2, 256), BIT_FILE_TOKENS);
    EXPECT_EQ(bit_file_kind(zeros, sizeof zeros, 4, 256), BIT_FILE_TOKENS);
}

TEST(files_of_other_kinds_are_seen)
{
    static const char json[] =
        "{\"id\": \"a\", \"text\": \"Ein Satz, der für sich steht, und noch einer hinterher.\"}\n"
        "{\"id\": \"b\", \"text\": \"More of it, so that there is enough to tell it by.\"}\n";
    static const uint8_t numpy[] = "\x93NUMPY\x01\x00v\x00{'descr': '<u2'", gzip[] = "\x1f\x8b\x08\x00\x00\x00\x00",
                         zstd[] = "\x28\xb5\x2f\xfd\x04\x00";

    EXPECT_EQ(bit_file_kind((const uint8_t *)json, sizeof json - 1, 2, 50280), BIT_FILE_TEXT);
    EXPECT_EQ(bit_file_kind(numpy, sizeof numpy, 2, 50280), BIT_FILE_NUMPY);
    EXPECT_EQ(bit_file_kind(gzip, sizeof gzip, 2, 50280), BIT_FILE_COMPRESSED);
    EXPECT_EQ(bit_file_kind(zstd, sizeof zstd, 2, 50280), BIT_FILE_COMPRESSED);
    EXPECT_EQ(bit_file_kind((const uint8_t *)"bitdreq\n\1\0\0", 11, 2, 50280), BIT_FILE_REQUESTS);
}

TEST(a_few_bytes_are_no_ground)
{
    for (size_t count = 0; count < 100; count++)
        EXPECT_EQ(bit_file_kind((const uint8_t *)"abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefg"
                                                 "hijabcdefghijabcdefghijabcdefghij",
                                count, 2, 50280),
                  BIT_FILE_TOKENS);
}

TEST(each_kind_says_what_to_do)
{
    EXPECT_EQ(bit_file_kind_check(BIT_FILE_TOKENS, "x"), 0);
    EXPECT_EQ(bit_file_kind_check(BIT_FILE_TEXT, "/data/mine.jsonl"), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "token file '/data/mine.jsonl' holds text, not token ids: bitctl tokenize");
    EXPECT_EQ(bit_file_kind_check(BIT_FILE_IDS_32, "x"), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "dtype: UINT32");
}

TEST_MAIN
