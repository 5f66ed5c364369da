/* Records of a sealed stream: intact ones in order open, and nothing else does. */
#include "proto/wire/seal.h"

#include <errno.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/test.h"

/* Key 0, 1, 2, ..., header 100, 101, ...: two records made by another implementation (RFC 8439 and HChaCha20 in plain
 * Python). */
static const uint8_t known[] = {0x21, 0x00, 0x00, 0x00, 0x5f, 0x28, 0x72, 0xd3, 0x66, 0x08, 0x7a, 0xc4, 0x4f, 0xba,
                                0xe9, 0x32, 0xe5, 0xd3, 0x97, 0x77, 0x2f, 0xa3, 0xd7, 0x7c, 0xbb, 0x11, 0x88, 0xdc,
                                0xac, 0x35, 0x9a, 0xc2, 0xcf, 0x44, 0x80, 0xdb, 0xce, 0x1c, 0x00, 0x00, 0x00, 0xf7,
                                0x92, 0x5b, 0xcf, 0x23, 0x12, 0x1d, 0xbb, 0x24, 0xc0, 0xbe, 0xcd, 0xb5, 0xc4, 0xeb,
                                0xf9, 0x0b, 0x05, 0xd8, 0x71, 0xfd, 0x6b, 0xea, 0x52, 0xf1, 0x47, 0x16, 0x2e};

static uint8_t key[BIT_SEAL_KEY_BYTES], header[BIT_SEAL_HEADER_BYTES];
static struct bit_sealer out;
static struct bit_opener in;

static void begin(void)
{
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(7 * i);
    bit_sealer_init(&out, key, header);
    EXPECT_EQ(bit_opener_init(&in, key, header, BIT_SEAL_PLAIN_MAX), 0);
}

/* Gives the opener all bytes, in as many parts as its room requires. */
static void give(const uint8_t *data, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        const uint8_t *plain;
        size_t room_bytes, some, none;
        uint8_t *room = bit_opener_room(&in, &room_bytes);
        some = BIT_MIN(bytes - at, room_bytes);
        memcpy(room, data + at, some);
        bit_opener_commit(&in, some);
        at += some;
        if (at < bytes && !EXPECT_EQ(bit_opener_next(&in, &plain, &none), 0))
            return;
    }
}

static int next(const uint8_t **plain, size_t *bytes)
{
    return bit_opener_next(&in, plain, bytes);
}

static int next_is_bad(void)
{
    const uint8_t *plain;
    size_t bytes;

    return EXPECT_EQ(next(&plain, &bytes), -EBADMSG);
}

TEST(records_are_the_documented_ones)
{
    uint8_t known_key[BIT_SEAL_KEY_BYTES], known_header[BIT_SEAL_HEADER_BYTES];
    const uint8_t *plain;
    size_t bytes;

    for (size_t i = 0; i < sizeof known_key; i++)
        known_key[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof known_header; i++)
        known_header[i] = (uint8_t)(100 + i);
    EXPECT_EQ(bit_opener_init(&in, known_key, known_header, BIT_SEAL_PLAIN_MAX), 0);
    give(known, sizeof known);
    EXPECT_EQ(next(&plain, &bytes), 1);
    EXPECT_EQ(bytes, 16u);
    EXPECT_MEMEQ(plain, "the first record", 16);
    EXPECT_EQ(next(&plain, &bytes), 1);
    EXPECT_EQ(bytes, 11u);
    EXPECT_MEMEQ(plain, "and another", 11);
    EXPECT_EQ(next(&plain, &bytes), 0);
    bit_opener_finish(&in);
}

TEST(every_bit_of_a_record_matters)
{
    uint8_t known_key[BIT_SEAL_KEY_BYTES], known_header[BIT_SEAL_HEADER_BYTES], bent[sizeof known];

    for (size_t i = 0; i < sizeof known_key; i++)
        known_key[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof known_header; i++)
        known_header[i] = (uint8_t)(100 + i);
    for (size_t bit = 0; bit < 8 * sizeof known; bit++) {
        const uint8_t *plain;
        size_t bytes;
        int got, opened = 0;
        memcpy(bent, known, sizeof bent);
        bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
        EXPECT_EQ(bit_opener_init(&in, known_key, known_header, BIT_SEAL_PLAIN_MAX), 0);
        give(bent, sizeof bent);
        while ((got = next(&plain, &bytes)) > 0)
            opened++;
        EXPECT(got == -EBADMSG || (got == 0 && opened < 2)); /* a longer length waits for bytes that never come */
        EXPECT_EQ(opened, bit < 8 * 37 ? 0 : 1);
        bit_opener_finish(&in);
    }
}

TEST(every_bit_of_key_and_header_matters)
{
    uint8_t record[64];

    begin();
    size_t bytes = bit_sealer_seal(&out, "something", 9, record);
    bit_opener_finish(&in);
    for (size_t bit = 0; bit < 8 * (sizeof key + sizeof header); bit++) {
        uint8_t *at = bit < 8 * sizeof key ? &key[bit / 8] : &header[bit / 8 - sizeof key];
        *at ^= (uint8_t)(1u << bit % 8);
        EXPECT_EQ(bit_opener_init(&in, key, header, BIT_SEAL_PLAIN_MAX), 0);
        give(record, bytes);
        next_is_bad();
        bit_opener_finish(&in);
        *at ^= (uint8_t)(1u << bit % 8);
    }
}

TEST(any_size_comes_back_in_any_pieces)
{
    static uint8_t data[BIT_SEAL_PLAIN_MAX], record[BIT_SEAL_RECORD_MAX];
    static const size_t sizes[] = {1, 2, 28, 63, 64, 65, 4096, BIT_SEAL_PLAIN_MAX - 1, BIT_SEAL_PLAIN_MAX};

    begin();
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 31 >> 3);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t bytes = bit_sealer_seal(&out, data, sizes[i], record), piece = sizes[i] < 100 ? 1 : 1000, got_bytes;
        const uint8_t *plain;
        EXPECT_EQ(bytes, sizes[i] + BIT_SEAL_OVERHEAD);
        for (size_t at = 0; at < bytes; at += piece) {
            EXPECT_EQ(next(&plain, &got_bytes), 0);
            give(record + at, bytes - at < piece ? bytes - at : piece);
        }
        EXPECT_EQ(next(&plain, &got_bytes), 1);
        EXPECT_EQ(got_bytes, sizes[i]);
        EXPECT_MEMEQ(plain, data, sizes[i]);
    }
    bit_opener_finish(&in);
}

/* Seals three records and delivers them in `order`: the first `good` open, the next one is refused. */
static void expect_refused(const char *order, int good)
{
    uint8_t record[3][32];
    size_t bytes = 0, got_bytes;
    const uint8_t *plain;

    begin();
    for (int i = 0; i < 3; i++)
        bytes = bit_sealer_seal(&out, &"abc"[i], 1, record[i]);
    for (const char *p = order; *p != '\0'; p++)
        give(record[*p - '0'], bytes);
    for (int i = 0; i < good; i++) {
        EXPECT_EQ(next(&plain, &got_bytes), 1);
        EXPECT_EQ(plain[0], "abc"[i]);
    }
    next_is_bad();
    bit_opener_finish(&in);
}

TEST(records_repeated_left_out_or_swapped_do_not_open)
{
    expect_refused("00", 1);
    expect_refused("010", 2);
    expect_refused("1", 0);
    expect_refused("02", 1);
    expect_refused("10", 0);
    expect_refused("021", 1);
}

TEST(a_stream_that_is_cut_gives_what_was_whole)
{
    uint8_t record[64];
    const uint8_t *plain;
    size_t got_bytes;

    begin();
    size_t bytes = bit_sealer_seal(&out, "whole", 5, record);
    give(record, bytes);
    bytes = bit_sealer_seal(&out, "cut off", 7, record);
    give(record, bytes - 1);
    EXPECT_EQ(next(&plain, &got_bytes), 1);
    EXPECT_EQ(next(&plain, &got_bytes), 0);
    bit_opener_finish(&in);
}

TEST(a_length_that_none_has_is_refused_from_its_four_bytes)
{
    static const uint8_t lengths[][4] = {
        {0, 0, 0, 0}, {17, 0, 0, 0}, {0x12, 0, 1, 0}, {0xff, 0xff, 0xff, 0xff}, {1, 0, 0, 0x80}};

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        begin();
        give(lengths[i], 4);
        next_is_bad();
        bit_opener_finish(&in);
    }
}

TEST(the_reader_says_how_long_a_record_may_be)
{
    uint8_t record[256], data[128] = {0};
    const uint8_t *plain;
    size_t bytes, got_bytes;

    begin();
    in.plain_max = 100;
    bytes = bit_sealer_seal(&out, data, 100, record);
    give(record, bytes);
    EXPECT_EQ(next(&plain, &got_bytes), 1);
    bytes = bit_sealer_seal(&out, data, 101, record);
    give(record, bytes);
    next_is_bad();
    bit_opener_finish(&in);
}

TEST_MAIN
