#include "daemon/feed/file_bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "tests/test.h"

#define TOKENS  700000 /* more than one piece */
#define CONTEXT 8

static const char *const names[] = {"a.npy", "b.npy", "c.npy"};
static char path[3][128];
static uint16_t tokens[TOKENS];
static uint32_t crc;
static const atomic_bool go_on, stop = true;

/* It describes only a and b, and gives b too small a size. */
static void write_sidecar(void)
{
    char beside[128], text[1024];

    snprintf(beside, sizeof beside, "%s/dataset.json", test_folder());
    snprintf(
        text, sizeof text,
        "{\"format\": \"bitd-dataset-1\", \"tokenizer\": {\"name\": \"t\", \"sha256\": "
        "\"1111111111111111111111111111111111111111111111111111111111111111\", \"vocab\": 500, \"end_of_text\": 0}, "
        "\"dtype\": \"uint16\", \"documents\": 2, \"tokens\": %d, \"text_bytes\": 9, \"files\": ["
        "{\"name\": \"b.npy\", \"tokens\": 7, \"documents\": 1, \"crc32c\": \"00000007\"}, "
        "{\"name\": \"a.npy\", \"tokens\": %d, \"documents\": 1, \"crc32c\": \"%08x\"}]}",
        TOKENS + 7, TOKENS, crc);
    test_write_text(beside, text);
}

TEST(makes_its_files)
{
    for (size_t i = 0; i < TOKENS; i++)
        tokens[i] = (uint16_t)(i % 499);
    crc = bit_crc32c(0, tokens, sizeof tokens);
    for (int i = 0; i < 3; i++) {
        snprintf(path[i], sizeof path[i], "%s/%s", test_folder(), names[i]);
        test_write(path[i], tokens, sizeof tokens);
    }
    write_sidecar();
}

static struct bit_shards *open_shards(size_t count)
{
    char *paths[] = {path[0], path[1], path[2]};
    const struct bit_shards_shape shape = {.context = CONTEXT, .vocab = 500, .token_bytes = 2};
    struct bit_shards *shards = NULL;

    EXPECT_EQ(bit_shards_create(paths, count, &shape, &shards), 0);
    return shards;
}

TEST(notes_what_the_sidecar_tells_of_a_file_of_its_size)
{
    struct bit_shards *sets[2] = {open_shards(3), open_shards(1)};
    uint64_t checksum[4] = {1, 1, 1, 1};

    bit_file_bytes_note(sets, 2, NULL, checksum);
    EXPECT_EQ(checksum[0], UINT64_C(1) << 32 | crc);
    EXPECT_EQ(checksum[1], 0);
    EXPECT_EQ(checksum[2], 0);
    EXPECT_EQ(checksum[3], checksum[0]);
    for (int i = 0; i < 2; i++)
        bit_shards_destroy(sets[i]);
}

TEST(notes_nothing_of_a_sidecar_that_was_not_shown)
{
    struct bit_shards *set = open_shards(1);
    const struct bit_file_id none = {0};
    uint64_t checksum = 1;

    bit_file_bytes_note(&set, 1, &none, &checksum);
    EXPECT_EQ(checksum, 0);
    bit_shards_destroy(set);
}

TEST(compares_every_byte_until_it_is_told_to_stop)
{
    struct bit_shards *set = open_shards(1);
    const struct bit_token_file *file = bit_shards_file(set, 0);
    uint64_t checksum = 0;

    bit_file_bytes_note(&set, 1, NULL, &checksum);
    EXPECT_EQ(bit_file_bytes_compare(file, checksum, true, &go_on), 0);
    EXPECT_EQ(bit_file_bytes_compare(file, checksum, true, &stop), -ECANCELED);
    int fd = open(path[0], O_WRONLY | O_CLOEXEC);
    EXPECT_EQ(pwrite(fd, "x", 1, sizeof tokens - 1), 1);
    close(fd);
    EXPECT_EQ(bit_file_bytes_compare(file, checksum, true, &go_on), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), path[0]);
    bit_shards_destroy(set);
}

TEST(takes_no_other_file_for_it)
{
    char other[160];
    struct bit_shards *set = open_shards(1);

    snprintf(other, sizeof other, "%s.other", path[0]);
    test_write(other, tokens, sizeof tokens);
    EXPECT_EQ(rename(other, path[0]), 0);
    EXPECT_EQ(bit_file_bytes_compare(bit_shards_file(set, 0), UINT64_C(1) << 32 | crc, true, &go_on), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "replaced");
    bit_shards_destroy(set);
}

TEST_MAIN
