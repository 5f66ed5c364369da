#include "ctl/tokenize/line_blocks.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "ctl/tokenize/inputs.h"
#include "proto/err.h"
#include "tests/test.h"

static const char *write_file(const char *name, const void *data, size_t bytes)
{
    const char *path = test_path(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    EXPECT(fd >= 0 && write(fd, data, bytes) == (ssize_t)bytes);
    close(fd);
    return path;
}

static size_t gzip(const void *data, size_t bytes, uint8_t *out, size_t room)
{
    z_stream z = {0};

    EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)data;
    z.avail_in = (uInt)bytes;
    z.next_out = out;
    z.avail_out = (uInt)room;
    EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

/* Reads a file to its end; *err is the last result. Checks that blocks are whole lines with the right numbers. */
static size_t read_all(const char *path, uint8_t *out, size_t room, int *err)
{
    struct bit_line_blocks *lines = NULL;
    struct bit_line_block block = {0};
    uint64_t next_line = 1;
    size_t used = 0;
    bool ended = false;

    *err = bit_line_blocks_open(path, &lines);
    while (*err >= 0 && (*err = bit_line_blocks_read(lines, &block)) > 0) {
        EXPECT(!ended);
        EXPECT_EQ(block.first_line, next_line);
        ended = block.data[block.bytes - 1] != '\n';
        for (size_t i = 0; i < block.bytes; i++)
            next_line += block.data[i] == '\n';
        if (!EXPECT(used + block.bytes <= room))
            break;
        memcpy(out + used, block.data, block.bytes);
        used += block.bytes;
    }
    bit_line_block_finish(&block);
    bit_line_blocks_close(lines);
    return used;
}

static void expect_reads(const char *path, const void *want, size_t bytes)
{
    uint8_t *out = malloc(bytes + (1 << 20));
    int err;

    if (EXPECT_EQ(read_all(path, out, bytes + (1 << 20), &err), bytes))
        EXPECT_MEMEQ(out, want, bytes);
    if (!EXPECT_EQ(err, 0))
        fprintf(stderr, "    %s\n", bit_fail_text());
    free(out);
}

/* 3 MB of lines of 0 to 8191 bytes. */
static uint8_t *make_text(size_t *bytes)
{
    size_t room = 3 << 20, used = 0;
    uint8_t *text = malloc(room);

    srand(3);
    while (used + 8192 < room) {
        size_t n = (size_t)rand() % (rand() % 16 == 0 ? 8192 : 100);
        for (size_t i = 0; i < n; i++)
            text[used++] = (uint8_t)('a' + rand() % 26);
        text[used++] = '\n';
    }
    *bytes = used;
    return text;
}

TEST(plain_files)
{
    size_t bytes;
    uint8_t *text = make_text(&bytes);

    expect_reads(write_file("plain", text, bytes), text, bytes);
    expect_reads(write_file("no newline", text, bytes - 1), text, bytes - 1);
    expect_reads(write_file("empty", "", 0), "", 0);
    expect_reads(write_file("one", "x", 1), "x", 1);
    free(text);
}

TEST(gzip_of_many_members)
{
    size_t bytes, used = 0;
    uint8_t *text = make_text(&bytes), *packed = malloc(2 * bytes);

    used += gzip(text, 1000, packed, 2 * bytes);
    used += gzip("", 0, packed + used, 2 * bytes - used);
    used += gzip(text + 1000, bytes - 1000, packed + used, 2 * bytes - used);
    expect_reads(write_file("many.gz", packed, used), text, bytes);
    memset(packed + used, 0, 700); /* tapes pad with zeros */
    expect_reads(write_file("padded.gz", packed, used + 700), text, bytes);
    free(text);
    free(packed);
}

TEST(zstd_of_many_frames)
{
    static const uint8_t skippable[] = {0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'a', 'b', 'c'};
    size_t bytes, used = sizeof skippable, room;
    uint8_t *text = make_text(&bytes), *packed = malloc(room = 2 * bytes);

    memcpy(packed, skippable, sizeof skippable);
    used += ZSTD_compress(packed + used, room - used, text, 5000, 3);
    used += ZSTD_compress(packed + used, room - used, text, 0, 3);
    used += ZSTD_compress(packed + used, room - used, text + 5000, bytes - 5000, 1);
    expect_reads(write_file("many.zst", packed, used), text, bytes);
    free(text);
    free(packed);
}

static void expect_damaged(const char *path, int want, const char *reason)
{
    static uint8_t out[4 << 20];
    int err;

    read_all(path, out, sizeof out, &err);
    EXPECT_EQ(err, want);
    EXPECT_CONTAINS(bit_fail_text(), path);
    EXPECT_CONTAINS(bit_fail_text(), reason);
}

TEST(damaged_files)
{
    size_t bytes, used;
    uint8_t *text = make_text(&bytes), *packed = malloc(2 * bytes);

    used = gzip(text, bytes, packed, 2 * bytes);
    expect_damaged(write_file("short.gz", packed, used / 2), BIT_ECORRUPT, "cut short");
    expect_damaged(write_file("tail.gz", packed, used - 3), BIT_ECORRUPT, "cut short");
    packed[used - 8] ^= 1;
    expect_damaged(write_file("sum.gz", packed, used), BIT_ECORRUPT, "incorrect data check");
    packed[used - 8] ^= 1;
    memcpy(packed + used, "rest", 4);
    expect_damaged(write_file("rest.gz", packed, used + 4), BIT_ECORRUPT, "incorrect header check");
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
    used = ZSTD_compress2(zstd, packed, 2 * bytes, text, bytes);
    ZSTD_freeCCtx(zstd);
    expect_damaged(write_file("short.zst", packed, used / 2), BIT_ECORRUPT, "cut short");
    memset(packed + used / 2, 0xff, 64);
    expect_damaged(write_file("broken.zst", packed, used), BIT_ECORRUPT, "offset");
    expect_damaged("/nonexistent", -ENOENT, "");
    free(text);
    free(packed);
}

/* A line longer than the maximum is cut to the maximum plus one byte; the next lines are read normally. */
TEST(long_lines)
{
    size_t most = BIT_LINE_BYTES_MAX, room = 2 * most + 4096, used = 0, got;
    uint8_t *text = malloc(room), *out = malloc(room);
    int err;

    if (!EXPECT(text != NULL && out != NULL))
        return;
    memset(text, 'x', most + most / 3);
    used = most + most / 3;
    memcpy(text + used, "\nshort\n\nend", 11);
    write_file("long", text, used + 11);
    got = read_all(test_path("long"), out, room, &err);
    EXPECT_EQ(err, 0);
    if (EXPECT_EQ(got, most + 1 + 11))
        EXPECT_MEMEQ(out + most + 1, "\nshort\n\nend", 11);
    free(text);
    free(out);
}

/* ---- inputs */

static void make_tree(void)
{
    char path[512];

    snprintf(path, sizeof path,
             "cd %s && mkdir -p tree/b/c && for f in z.jsonl a.json.gz b/m.json.zst b/c/n.jsonl.zstd "
             "README.md .hidden.json b/x.csv; do echo hi > tree/$f; done",
             test_folder());
    EXPECT_EQ(system(path), 0);
}

static void expect_files(const char *arg, int count, const char *const *want)
{
    char argument[512], path[600], *args[1] = {argument};
    struct bit_inputs inputs;

    snprintf(argument, sizeof argument, "%s/%s", test_folder(), arg);
    if (!EXPECT_EQ(bit_inputs_expand(args, 1, &inputs), 0))
        return;
    if (EXPECT_EQ(inputs.count, count)) {
        for (int i = 0; i < count; i++) {
            snprintf(path, sizeof path, "%s/tree/%s", test_folder(), want[i]);
            EXPECT_STREQ(inputs.files[i].path, path);
            EXPECT_EQ(inputs.files[i].bytes, 3);
        }
        EXPECT_EQ(bit_inputs_bytes(&inputs), 3 * count);
    }
    bit_inputs_finish(&inputs);
}

TEST(folders_and_globs)
{
    char none[512], *args[1] = {none};
    struct bit_inputs inputs;

    make_tree();
    expect_files("tree", 4, (const char *[]){"a.json.gz", "b/c/n.jsonl.zstd", "b/m.json.zst", "z.jsonl"});
    expect_files("tree/*.*", 3, (const char *[]){"README.md", "a.json.gz", "z.jsonl"});
    expect_files("tree/README.md", 1, (const char *[]){"README.md"});
    snprintf(none, sizeof none, "%s/tree/*.parquet", test_folder());
    EXPECT_EQ(bit_inputs_expand(args, 1, &inputs), -ENOENT);
    EXPECT_CONTAINS(bit_fail_text(), "*.parquet");
    snprintf(none, sizeof none, "%s/tree/b/none", test_folder());
    mkdir(none, 0700);
    EXPECT_EQ(bit_inputs_expand(args, 1, &inputs), -ENOENT);
    EXPECT_CONTAINS(bit_fail_text(), "no .json or .jsonl file");
}

TEST_MAIN
