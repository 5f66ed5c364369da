#include "daemon/store/known_products.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "tests/folder.h"
#include "tests/test.h"

static const struct bit_product_maker card = {.card = "NVIDIA H200", .driver = 13000, .library = 130100};

/* `count` products from `first` on, all by one algorithm, as a worker reports them. */
static struct bit_product_set found(uint64_t first, size_t count, uint64_t algorithm)
{
    struct bit_product_set set = {0};
    uint64_t row[BIT_PRODUCT_ROW_BYTES / 8] = {0};

    for (size_t i = 0; i < count; i++) {
        row[0] = first + i;
        row[BIT_PRODUCT_KEY_BYTES / 8] = algorithm;
        EXPECT_EQ(bit_product_set_add(&set, &card, row, 1), 0);
    }
    return set;
}

static int tell(const char *state, uint64_t first, size_t count, uint64_t algorithm)
{
    struct bit_product_set set = found(first, count, algorithm);
    int err = bit_known_products_add(state, set.bytes, set.size);

    bit_product_set_finish(&set);
    return err;
}

/* The product's algorithm; 0: none is known. */
static uint64_t known(const char *state, uint64_t product)
{
    struct bit_product_set set;
    struct bit_product_view view = {0};
    uint64_t row[BIT_PRODUCT_ROW_BYTES / 8], algorithm = 0;

    bit_known_products_read(state, &set);
    if (!bit_product_set_find(&set, &card, &view))
        view.count = 0;
    for (size_t i = 0; i < view.count; i++) {
        memcpy(row, view.rows + i * sizeof row, sizeof row);
        if (row[0] == product)
            algorithm = row[BIT_PRODUCT_KEY_BYTES / 8];
    }
    bit_product_set_finish(&set);
    return algorithm;
}

static const char *path_of(const char *state, const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", state, name);
    return path;
}

TEST(the_first_that_was_found_is_kept_until_the_file_goes)
{
    const char *state = test_folder_new();

    EXPECT_EQ(known(state, 1), 0u);
    EXPECT_EQ(tell(state, 1, 2, 7), 0);
    EXPECT_EQ(tell(state, 2, 2, 8), 0);
    EXPECT_EQ(known(state, 1), 7u);
    EXPECT_EQ(known(state, 2), 7u);
    EXPECT_EQ(known(state, 3), 8u);
    EXPECT_EQ(unlink(path_of(state, "products")), 0);
    EXPECT_EQ(known(state, 1), 0u);
    EXPECT_EQ(tell(state, 1, 1, 9), 0);
    EXPECT_EQ(known(state, 1), 9u);
}

TEST(a_damaged_file_is_set_aside)
{
    const char *state = test_folder_new();
    struct stat st;

    EXPECT_EQ(tell(state, 1, 2, 7), 0);
    EXPECT_EQ(truncate(path_of(state, "products"), 100), 0);
    EXPECT_EQ(known(state, 1), 0u);
    EXPECT(stat(path_of(state, "products"), &st) < 0);
    EXPECT_EQ(stat(path_of(state, "products.damaged"), &st), 0);
    EXPECT_EQ(tell(state, 5, 1, 7), 0);
    EXPECT_EQ(known(state, 5), 7u);
    EXPECT_EQ(known(state, 1), 0u);
}

TEST(what_a_worker_sends_is_checked)
{
    const char *state = test_folder_new();
    struct bit_product_set set = found(1, 2, 8);

    EXPECT_EQ(tell(state, 1, 1, 7), 0);
    EXPECT_EQ(bit_known_products_add(state, set.bytes, set.size - 1), BIT_ECORRUPT);
    set.bytes[95] = 0x7f;
    EXPECT_EQ(bit_known_products_add(state, set.bytes, set.size), BIT_ECORRUPT);
    EXPECT_EQ(known(state, 1), 7u);
    EXPECT_EQ(known(state, 2), 0u);
    bit_product_set_finish(&set);
}

TEST(what_is_no_file_is_left_alone_and_named)
{
    const char *state = test_folder_new();
    struct stat st;

    EXPECT_EQ(mkdir(path_of(state, "products"), 0700), 0);
    EXPECT_EQ(known(state, 1), 0u);
    EXPECT(tell(state, 1, 1, 7) < 0);
    EXPECT(strstr(bit_fail_text(), path_of(state, "products")) != NULL);
    EXPECT(stat(path_of(state, "products"), &st) == 0 && S_ISDIR(st.st_mode));
    EXPECT_EQ(rmdir(path_of(state, "products")), 0);
    EXPECT_EQ(mkfifo(path_of(state, "products"), 0600), 0);
    EXPECT_EQ(known(state, 1), 0u); /* and does not wait for a writer */
}

TEST(of_more_than_there_is_room_for_the_oldest_go)
{
    const size_t room = (BIT_PRODUCT_SET_BYTES_MAX - 96) / BIT_PRODUCT_ROW_BYTES;
    const char *state = test_folder_new();
    struct stat st;

    EXPECT_EQ(tell(state, 1, room, 7), 0);
    EXPECT_EQ(known(state, 1), 7u);
    EXPECT_EQ(tell(state, room + 1, 1, 8), 0);
    EXPECT_EQ(known(state, 1), 0u);
    EXPECT_EQ(known(state, 2), 7u);
    EXPECT_EQ(known(state, room + 1), 8u);
    EXPECT_EQ(stat(path_of(state, "products"), &st), 0);
    EXPECT((size_t)st.st_size <= BIT_PRODUCT_SET_BYTES_MAX + 4);
}

TEST_MAIN
