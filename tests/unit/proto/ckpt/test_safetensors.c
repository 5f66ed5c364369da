#include "proto/ckpt/safetensors.h"

#include <fcntl.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "tests/test.h"

static const struct bit_tensor tensors[] = {
    {.name = "transformer.wte.weight", .rows = 16, .cols = 8, .offset = 0},
    {.name = "transformer.blocks.0.att_proj.weight", .rows = 24, .cols = 8, .offset = 128},
};
#define ELEMENTS (128 + 192)

static void put_length(uint8_t *buf, uint64_t length)
{
    for (int i = 0; i < 8; i++)
        buf[i] = (uint8_t)(length >> 8 * i);
}

/* Parses a header of this text, followed by data_bytes of data. */
static int parse(const char *json, uint64_t data_bytes, struct bit_safetensors *out)
{
    size_t length = strlen(json);
    uint8_t *buf = malloc(8 + length);
    int err;

    BIT_ASSERT(buf != NULL);
    put_length(buf, length);
    memcpy(buf + 8, json, length);
    err = bit_safetensors_parse(buf, 8 + length, 8 + length + data_bytes, out);
    free(buf);
    return err;
}

static void expect_refused(const char *json, uint64_t data_bytes, int want, const char *why)
{
    struct bit_safetensors s = {.count = 99};
    int err = parse(json, data_bytes, &s);

    EXPECT_EQ(s.count, 99u);
    if (!EXPECT_EQ(err, want) || !EXPECT_CONTAINS(bit_fail_text(), why))
        fprintf(stderr, "    %s\n", json);
}

TEST(what_is_written_is_read)
{
    struct bit_safetensors s;
    uint8_t *buf, *again;
    size_t bytes, again_bytes;

    EXPECT_EQ(bit_safetensors_header(tensors, 2, NULL, &buf, &bytes), 0);
    EXPECT_EQ(bytes % BIT_SAFETENSORS_DATA_ALIGN, 0u);
    EXPECT_EQ(bit_safetensors_header(tensors, 2, NULL, &again, &again_bytes), 0);
    EXPECT_EQ(bytes, again_bytes);
    EXPECT_MEMEQ(buf, again, bytes);
    if (EXPECT_EQ(bit_safetensors_parse(buf, bytes, bytes + 4 * ELEMENTS, &s), 0)) {
        EXPECT_EQ(s.count, 2u);
        EXPECT_EQ(s.data_offset, bytes);
        for (size_t i = 0; i < s.count; i++) {
            const struct bit_safetensors_entry *e = bit_safetensors_find(&s, tensors[i].name);
            if (!EXPECT(e == &s.entries[i]))
                continue;
            EXPECT_STREQ(e->dtype, "F32");
            EXPECT_EQ(e->dims, 2);
            EXPECT_EQ(e->shape[0], tensors[i].rows);
            EXPECT_EQ(e->shape[1], tensors[i].cols);
            EXPECT_EQ(e->begin, 4 * (uint64_t)tensors[i].offset);
        }
        EXPECT(bit_safetensors_find(&s, "transformer") == NULL);
        bit_safetensors_finish(&s);
        bit_safetensors_finish(&s); /* twice is fine */
    }
    free(buf);
    free(again);
}

TEST(padding_grows_by_whole_pages)
{
    struct bit_tensor many[60] = {0};
    uint8_t *buf;
    size_t bytes;

    for (int count = 0; count < 60; count++) {
        snprintf(many[count].name, sizeof many[count].name, "t%d", count);
        many[count].rows = many[count].cols = 1;
        many[count].offset = count;
        EXPECT_EQ(bit_safetensors_header(many, count, NULL, &buf, &bytes), 0);
        EXPECT_EQ(bytes, count < 27 ? 4096u : bytes);
        EXPECT_EQ(bytes % 4096, 0u);
        free(buf);
    }
}

/* Metadata have their own room, because a checkpoint's digests are known only after the data are written. */
TEST(metadata_moves_no_data)
{
    static const char about[] = "{\"format\":\"pt\",\"step\":\"7\",\"who\":\"a \\\"name\\\"\"}";
    char longest[BIT_SAFETENSORS_METADATA_ROOM + 2];
    struct bit_safetensors s;
    uint8_t *without, *with;
    size_t bytes, with_bytes;

    EXPECT_EQ(bit_safetensors_header(tensors, 2, NULL, &without, &bytes), 0);
    EXPECT_EQ(bit_safetensors_header(tensors, 2, about, &with, &with_bytes), 0);
    EXPECT_EQ(bytes, with_bytes);
    EXPECT_CONTAINS((const char *)with + 8, about);
    if (EXPECT_EQ(bit_safetensors_parse(with, bytes, bytes + 4 * ELEMENTS, &s), 0))
        bit_safetensors_finish(&s);
    free(without);
    free(with);
    memset(longest, ' ', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    EXPECT_EQ(bit_safetensors_header(tensors, 2, longest, &with, &bytes), BIT_ELIMIT);
    longest[0] = '{';
    longest[sizeof longest - 3] = '}';
    longest[sizeof longest - 2] = '\0';
    if (EXPECT_EQ(bit_safetensors_header(tensors, 2, longest, &with, &with_bytes), 0)) {
        EXPECT_EQ(with_bytes, bytes);
        free(with);
    }
}

TEST(files_of_others_are_read)
{
    struct bit_safetensors s;

    /* entries out of order, a scalar, empty tensors at both ends, spaces, unknown keys, escapes */
    EXPECT_EQ(parse("{ \"b\" : {\"data_offsets\":[2,10],\"shape\":[],\"dtype\":\"F64\",\"more\":1},"
                    "\"a\":{\"dtype\":\"BF16\",\"shape\":[1,1,1],\"data_offsets\":[0,2]},"
                    "\"e\\u0041\":{\"dtype\":\"F8_E4M3\",\"shape\":[3,0],\"data_offsets\":[0,0]},"
                    "\"z\":{\"dtype\":\"BOOL\",\"shape\":[0],\"data_offsets\":[10,10]},"
                    "\"__metadata__\":{\"format\":\"pt\",\"x\":\"}{\"}}   ",
                    10, &s),
              0);
    EXPECT_EQ(s.count, 4u);
    EXPECT_STREQ(s.entries[0].name, "eA");
    EXPECT_STREQ(s.entries[1].name, "a");
    EXPECT_EQ(s.entries[1].dims, 3);
    EXPECT_STREQ(s.entries[2].name, "b");
    EXPECT_EQ(s.entries[2].dims, 0);
    EXPECT_STREQ(s.entries[3].name, "z");
    bit_safetensors_finish(&s);
    EXPECT_EQ(parse("{}", 0, &s), 0);
    EXPECT_EQ(s.count, 0u);
    bit_safetensors_finish(&s);
}

TEST(lengths_that_lie)
{
    struct bit_safetensors s;
    uint8_t buf[64] = {0};

    EXPECT_EQ(bit_safetensors_parse(buf, 0, 0, &s), BIT_ECORRUPT);
    EXPECT_EQ(bit_safetensors_parse(buf, 7, 7, &s), BIT_ECORRUPT);
    EXPECT_EQ(bit_safetensors_parse(buf, 8, 8, &s), BIT_ECORRUPT); /* length 0: no '{' */
    put_length(buf, 57);
    EXPECT_EQ(bit_safetensors_parse(buf, 64, 64, &s), BIT_ECORRUPT);
    put_length(buf, UINT64_MAX);
    EXPECT_EQ(bit_safetensors_parse(buf, 64, 64, &s), BIT_ELIMIT);
    put_length(buf, UINT64_MAX - 7);
    EXPECT_EQ(bit_safetensors_parse(buf, 64, UINT64_MAX, &s), BIT_ELIMIT);
    put_length(buf, BIT_SAFETENSORS_HEADER_MAX + 1ull);
    EXPECT_EQ(bit_safetensors_parse(buf, 64, 1ull << 40, &s), BIT_ELIMIT);
    put_length(buf, 1000);
    EXPECT_EQ(bit_safetensors_parse(buf, 64, 1ull << 40, &s), -EINVAL); /* the caller passed too little of the file */
}

#define ONE(rest) "{\"w\":{" rest "}}"

TEST(shapes_and_ranges_that_lie)
{
    expect_refused(ONE("\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,12]"), 12, BIT_ECORRUPT,
                   "'w' takes 16 bytes, its range has 12");
    /* products that wrap: elements, to 4; bytes, to 0 */
    expect_refused(ONE("\"dtype\":\"U8\",\"shape\":[4611686018427387905,4],\"data_offsets\":[0,4]"), 4, BIT_ECORRUPT,
                   "'w' has more elements than can be counted");
    expect_refused(ONE("\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]"), 0, BIT_ECORRUPT,
                   "'w' has more bytes than can be counted");
    expect_refused(ONE("\"dtype\":\"F32\",\"shape\":[-1,-1],\"data_offsets\":[0,4]"), 4, BIT_ECORRUPT, "no size");
    expect_refused(ONE("\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]"), 4, BIT_ECORRUPT, "no size");
    expect_refused(ONE("\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]"), 4, BIT_ECORRUPT, "no shape");
    expect_refused(ONE("\"dtype\":\"F32\",\"data_offsets\":[0,4]"), 4, BIT_ECORRUPT, "no shape");
    expect_refused(ONE("\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]"), 4, BIT_ELIMIT,
                   "9 dimensions");
    expect_refused(ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]"), 4, BIT_ECORRUPT, "data_offsets");
    expect_refused(ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]"), 4, BIT_ECORRUPT, "data_offsets");
    expect_refused(ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]"), 4, BIT_ECORRUPT, "data_offsets");
    expect_refused(ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":{}"), 4, BIT_ECORRUPT, "data_offsets");
    expect_refused(ONE("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,18446744073709551616]"), 4, BIT_ECORRUPT,
                   "safetensors header at byte");
    expect_refused(ONE("\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]"), 4, BIT_ECORRUPT, "'w' has no dtype");
    expect_refused(ONE("\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]"), 4, BIT_ECORRUPT, "'w' has no dtype");
    expect_refused("{\"w\":[]}", 0, BIT_ECORRUPT, "'w' is not described");
    expect_refused("{\"__metadata__\":{\"a\":1}}", 0, BIT_ECORRUPT, "__metadata__ 'a'");
    expect_refused("{\"__metadata__\":[]}", 0, BIT_ECORRUPT, "__metadata__");
}

#define TWO(a, b)                                                                                                      \
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" a "},"                                                  \
    "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" b "}}"

TEST(the_data_is_covered_once)
{
    struct bit_safetensors s;

    EXPECT_EQ(parse(TWO("[4,8]", "[0,4]"), 8, &s), 0);
    bit_safetensors_finish(&s);
    expect_refused(TWO("[0,4]", "[2,6]"), 6, BIT_ECORRUPT, "'b' overlaps another");
    expect_refused(TWO("[0,4]", "[0,4]"), 4, BIT_ECORRUPT, "overlaps another");
    expect_refused(TWO("[0,4]", "[5,9]"), 9, BIT_ECORRUPT, "'b' leaves a hole");
    expect_refused(TWO("[1,5]", "[5,9]"), 9, BIT_ECORRUPT, "'a' leaves a hole");
    expect_refused(TWO("[0,4]", "[4,8]"), 7, BIT_ECORRUPT, "'b' reaches beyond the file");
    expect_refused(TWO("[0,4]", "[4,8]"), 9, BIT_ECORRUPT, "8 of the file's 9 data bytes");
    expect_refused("{}", 1, BIT_ECORRUPT, "0 of the file's 1");
    /* an empty tensor must also lie where something ends */
    expect_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
                   "\"e\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[2,2]}}",
                   4, BIT_ECORRUPT, "'e' overlaps another");
    expect_refused("{\"e\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[9,9]}}", 4, BIT_ECORRUPT,
                   "'e' leaves a hole");
}

TEST(text_that_is_no_header)
{
    expect_refused("", 0, BIT_ECORRUPT, "does not begin with '{'");
    expect_refused(" {}", 0, BIT_ECORRUPT, "does not begin with '{'");
    expect_refused("[]", 0, BIT_ECORRUPT, "does not begin with '{'");
    expect_refused("{}x", 0, BIT_ECORRUPT, "safetensors header at byte");
    expect_refused("{\"a\":", 0, BIT_ECORRUPT, "safetensors header at byte");
    expect_refused("{\"a\xff\":1}", 0, BIT_ECORRUPT, "safetensors header at byte");
    expect_refused("{\"a\":1,\"a\":1}", 0, BIT_ECORRUPT, "safetensors header at byte"); /* twice the same name */
    expect_refused("{\"a\\u0000b\":1}", 0, BIT_ECORRUPT, "safetensors header at byte");
    expect_refused("{\"a\":{\"b\":[[[1]]]}}", 0, BIT_ELIMIT, "nested 5 deep");
    expect_refused("{\"a\\\"[[[[[[\":1}", 0, BIT_ECORRUPT, "is not described"); /* brackets in a string do not count */
}

/* A header of this size is refused before the JSON parser sees it. */
TEST(bloat_is_refused_unread)
{
    const size_t length = 40 << 20;
    uint8_t *buf = malloc(8 + length);
    struct bit_safetensors s;

    BIT_ASSERT(buf != NULL);
    put_length(buf, length);
    memset(buf + 8, '[', length);
    buf[8] = '{';
    EXPECT_EQ(bit_safetensors_parse(buf, 8 + length, 8 + length, &s), BIT_ELIMIT);
    EXPECT_CONTAINS(bit_fail_text(), "deep");
    memset(buf + 9, ',', length - 1);
    EXPECT_EQ(bit_safetensors_parse(buf, 8 + length, 8 + length, &s), BIT_ELIMIT);
    EXPECT_CONTAINS(bit_fail_text(), "more than 1600000 brackets");
    free(buf);
}

TEST(a_file_is_read_by_its_header)
{
    const char *path = test_path("model.safetensors");
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    struct bit_safetensors s;
    uint8_t *buf;
    size_t bytes;

    BIT_ASSERT(fd >= 0);
    EXPECT_EQ(bit_safetensors_header(tensors, 2, NULL, &buf, &bytes), 0);
    EXPECT_EQ(write(fd, buf, bytes), (ssize_t)bytes);
    EXPECT_EQ(bit_safetensors_read(fd, path, &s), BIT_ECORRUPT);
    EXPECT_CONTAINS(bit_fail_text(), path);
    EXPECT_CONTAINS(bit_fail_text(), "reaches beyond the file");
    EXPECT_EQ(ftruncate(fd, (off_t)bytes + 4 * ELEMENTS), 0);
    if (EXPECT_EQ(bit_safetensors_read(fd, path, &s), 0)) {
        EXPECT_EQ(s.count, 2u);
        bit_safetensors_finish(&s);
    }
    EXPECT_EQ(ftruncate(fd, 100), 0);
    EXPECT_EQ(bit_safetensors_read(fd, path, &s), BIT_ECORRUPT);
    EXPECT_EQ(ftruncate(fd, 5), 0);
    EXPECT_EQ(bit_safetensors_read(fd, path, &s), BIT_ECORRUPT);
    EXPECT_CONTAINS(bit_fail_text(), path);
    close(fd);
    free(buf);
}

TEST_MAIN
