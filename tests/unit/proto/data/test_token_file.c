#include "proto/data/token_file.h"

#include <endian.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/test.h"

static char path[256];

static void write_file(const void *data, size_t bytes)
{
    snprintf(path, sizeof path, "%s", test_path("tokens.npy"));
    test_write(path, data, bytes);
}

TEST(files_that_cannot_hold_tokens_are_refused)
{
    struct bit_token_file f = {.fd = 77};

    EXPECT_EQ(bit_token_file_open("/nonexistent/tokens.npy", 2, &f), -ENOENT);
    EXPECT_CONTAINS(bit_fail_text(), "/nonexistent/tokens.npy");
    EXPECT_EQ(bit_token_file_open("/tmp", 2, &f), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "not a regular file");
    write_file("", 0);
    EXPECT_EQ(bit_token_file_open(path, 2, &f), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "empty");
    unlink(path);
    write_file("abc", 3);
    EXPECT_EQ(bit_token_file_open(path, 2, &f), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "3 bytes, which is no whole number of 16-bit ids");
    unlink(path);
    EXPECT_EQ(f.fd, 77); /* untouched by every failure */
}

TEST(a_fifo_is_refused_not_waited_for)
{
    struct bit_token_file f;

    write_file("", 0);
    unlink(path);
    EXPECT_EQ(mkfifo(path, 0600), 0);
    EXPECT_EQ(bit_token_file_open(path, 2, &f), BIT_EDATA);
    unlink(path);
}

TEST(instances_are_chunks_and_the_rest_is_dropped)
{
    uint8_t data[2 * (3 * 8 + 5)];
    struct bit_token_file f;
    uint16_t tokens[8];

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    write_file(data, sizeof data);
    EXPECT_EQ(bit_token_file_open(path, 2, &f), 0);
    EXPECT_EQ(f.bytes, sizeof data);
    EXPECT_EQ(bit_token_file_instances(&f, 8), 3u);
    EXPECT_EQ(bit_token_file_instances(&f, 29), 1u);
    EXPECT_EQ(bit_token_file_instances(&f, 30), 0u);
    for (uint64_t index = 0; index < 3; index++) {
        EXPECT_EQ(bit_token_file_read(&f, index, 8, tokens), 0);
        for (size_t i = 0; i < 8; i++)
            EXPECT_EQ(tokens[i], data[16 * index + 2 * i] | data[16 * index + 2 * i + 1] << 8);
    }
    bit_token_file_close(&f);
    EXPECT_EQ(f.fd, -1);
    bit_token_file_close(&f);
    unlink(path);
}

TEST(a_file_that_shrinks_under_a_run_is_an_error)
{
    uint16_t tokens[16] = {0}, big[64] = {0};
    struct bit_token_file f;

    write_file(big, sizeof big);
    EXPECT_EQ(bit_token_file_open(path, 2, &f), 0);
    EXPECT_EQ(truncate(path, 80), 0);
    EXPECT_EQ(bit_token_file_read(&f, 2, 16, tokens), BIT_EDATA); /* bytes 64 to 95 */
    EXPECT_CONTAINS(bit_fail_text(), "ends at byte 80");
    EXPECT_CONTAINS(bit_fail_text(), path);
    EXPECT_EQ(bit_token_file_read(&f, 0, 16, tokens), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "128 bytes then, 80 now");
    bit_token_file_close(&f);
    unlink(path);
}

TEST(a_file_that_is_written_to_under_a_run_is_an_error)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000}};
    uint16_t tokens[16] = {0}, big[64] = {0};
    struct bit_token_file f;

    write_file(big, sizeof big);
    EXPECT_EQ(bit_token_file_open(path, 2, &f), 0);
    EXPECT_EQ(bit_token_file_read(&f, 0, 16, tokens), 0);
    EXPECT_EQ(utimensat(AT_FDCWD, path, times, 0), 0);
    EXPECT_EQ(bit_token_file_read(&f, 0, 16, tokens), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "changed under the run");
    bit_token_file_close(&f);
    unlink(path);
}

TEST(the_first_invalid_id_is_found_wherever_it_is)
{
    uint16_t tokens[200];

    for (size_t count = 1; count <= BIT_COUNT(tokens); count += 13) {
        for (size_t i = 0; i < count; i++)
            tokens[i] = (uint16_t)(i % 100);
        EXPECT_EQ(bit_token_find_invalid(tokens, count, sizeof *tokens, 100), -1);
        for (size_t bad = 0; bad < count; bad++) {
            uint16_t was = tokens[bad];
            tokens[bad] = 100;
            EXPECT_EQ(bit_token_find_invalid(tokens, count, sizeof *tokens, 100), (int64_t)bad);
            tokens[bad] = was;
        }
    }
    tokens[0] = 65535;
    EXPECT_EQ(bit_token_find_invalid(tokens, 1, sizeof *tokens, 65536), -1);
    EXPECT_EQ(bit_token_find_invalid(tokens, 1, sizeof *tokens, 65535), 0);
    EXPECT_EQ(bit_token_find_invalid(tokens, 0, sizeof *tokens, 1), -1);
}

TEST(ids_of_32_bits_are_read_whole)
{
    uint32_t tokens[8], wide[8 * 3 + 2];
    struct bit_token_file f;

    for (uint32_t i = 0; i < BIT_COUNT(wide); i++)
        wide[i] = htole32(100000 + 70000 * i);
    write_file(wide, sizeof wide);
    EXPECT_EQ(bit_token_file_open(path, 4, &f), 0);
    EXPECT_EQ(bit_token_file_instances(&f, 8), 3u);
    EXPECT_EQ(bit_token_file_read(&f, 2, 8, tokens), 0);
    for (uint32_t i = 0; i < BIT_COUNT(tokens); i++) {
        EXPECT_EQ(tokens[i], 100000 + 70000 * (16 + i));
        EXPECT_EQ(bit_token_id(tokens, i, sizeof *tokens), tokens[i]);
    }
    bit_token_file_close(&f);
    EXPECT_EQ(bit_token_find_invalid(tokens, 8, sizeof *tokens, 100000 + 70000 * 24), -1);
    EXPECT_EQ(bit_token_find_invalid(tokens, 8, sizeof *tokens, 100000 + 70000 * 23), 7);
    write_file(wide, 4 * 8 + 2);
    EXPECT_EQ(bit_token_file_open(path, 4, &f), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "no whole number of 32-bit ids");
    unlink(path);
}

TEST(an_invalid_id_of_32_bits_is_found_wherever_it_is)
{
    uint32_t tokens[200];

    for (size_t bad = 0; bad < BIT_COUNT(tokens); bad++) {
        for (size_t i = 0; i < BIT_COUNT(tokens); i++)
            tokens[i] = 65536 + (uint32_t)i;
        tokens[bad] = 70000;
        EXPECT_EQ(bit_token_find_invalid(tokens, BIT_COUNT(tokens), sizeof *tokens, 70001), -1);
        EXPECT_EQ(bit_token_find_invalid(tokens, BIT_COUNT(tokens), sizeof *tokens, 70000), (int64_t)bad);
    }
}

TEST_MAIN
