#include "proto/ckpt/product_set.h"

#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "tests/test.h"

static const struct bit_product_maker h200 = {.card = "NVIDIA H200", .driver = 13000, .library = 130100};
static const struct bit_product_maker h100 = {.card = "NVIDIA H100", .driver = 13000, .library = 130100};
static const struct bit_product_maker h200_other_library = {.card = "NVIDIA H200", .driver = 13000, .library = 130200};

struct row {
    uint64_t product[11], algorithm[8];
    float first_us, us;
};
_Static_assert(sizeof(struct row) == BIT_PRODUCT_ROW_BYTES, "as product_set.h says");

static struct row row_of(uint64_t product, uint64_t algorithm)
{
    return (struct row){.product = {product}, .algorithm = {algorithm}, .first_us = 2, .us = algorithm > 0 ? 1 : 2};
}

static void add(struct bit_product_set *set, const struct bit_product_maker *maker, uint64_t product,
                uint64_t algorithm)
{
    const struct row row = row_of(product, algorithm);

    EXPECT_EQ(bit_product_set_add(set, maker, &row, 1), 0);
}

/* The product's algorithm on that card; UINT64_MAX: none. */
static uint64_t look_up(const struct bit_product_set *set, const struct bit_product_maker *maker, uint64_t product)
{
    struct bit_product_view view;
    struct row row;

    for (size_t i = 0; bit_product_set_find(set, maker, &view) && i < view.count; i++) {
        memcpy(&row, view.rows + i * sizeof row, sizeof row);
        if (row.product[0] == product)
            return row.algorithm[0];
    }
    return UINT64_MAX;
}

TEST(what_is_there_stays_as_it_is)
{
    struct bit_product_set set = {0}, other = {0};

    add(&set, &h200, 1, 7);
    add(&set, &h200, 1, 8);
    add(&other, &h200, 1, 9);
    add(&other, &h200, 2, 9);
    EXPECT_EQ(bit_product_set_merge(&set, &other), 0);
    EXPECT_EQ(look_up(&set, &h200, 1), 7u);
    EXPECT_EQ(look_up(&set, &h200, 2), 9u);
    EXPECT_EQ(set.size, 96u + 2 * sizeof(struct row));
    bit_product_set_finish(&set);
    bit_product_set_finish(&other);
}

TEST(a_card_has_a_table_of_its_own_and_so_have_other_drivers_and_libraries)
{
    struct bit_product_set set = {0};
    struct bit_product_view view;
    size_t at = 0, tables = 0;

    add(&set, &h200, 1, 1);
    add(&set, &h100, 1, 2);
    add(&set, &h200_other_library, 1, 3);
    add(&set, &h200, 2, 4);
    while (bit_product_set_next(&set, &at, &view))
        tables++;
    EXPECT_EQ(tables, 3u);
    EXPECT_MEMEQ(&view.maker, &h200, sizeof h200); /* the one that grew comes last */
    EXPECT_EQ(view.count, 2u);
    EXPECT_EQ(look_up(&set, &h100, 1), 2u);
    EXPECT_EQ(look_up(&set, &h200_other_library, 1), 3u);
    bit_product_set_drop(&set, &h100);
    EXPECT(!bit_product_set_find(&set, &h100, &view));
    EXPECT_EQ(look_up(&set, &h200, 2), 4u);
    EXPECT_EQ(look_up(&set, &h200_other_library, 1), 3u);
    bit_product_set_finish(&set);
}

TEST(counts_those_that_are_not_the_first)
{
    struct bit_product_set set = {0};
    struct bit_product_view view;

    add(&set, &h200, 1, 0);
    add(&set, &h200, 2, 5);
    add(&set, &h200, 3, 0);
    EXPECT(bit_product_set_find(&set, &h200, &view));
    EXPECT_EQ(bit_product_view_not_first(&view), 1u);
    bit_product_set_finish(&set);
}

TEST(a_file_comes_back_the_same_and_no_other_bytes_do)
{
    struct bit_product_set set = {0}, back = {0};
    uint8_t *file = NULL;
    size_t bytes = 0;

    add(&set, &h200, 1, 1);
    add(&set, &h100, 2, 2);
    EXPECT_EQ(bit_product_set_seal(&set, &file, &bytes), 0);
    EXPECT_EQ(bit_product_set_open(file, bytes, &back), 0);
    EXPECT_EQ(back.size, set.size);
    EXPECT_MEMEQ(back.bytes, set.bytes, set.size);
    for (size_t i = 0; i < bytes; i++) {
        file[i] ^= 4;
        EXPECT_EQ(bit_product_set_open(file, bytes, &back), BIT_ECORRUPT);
        file[i] ^= 4;
    }
    for (size_t cut = 0; cut < bytes; cut++)
        EXPECT_EQ(bit_product_set_open(file, cut, &back), BIT_ECORRUPT);
    free(file);
    bit_product_set_finish(&set);
    bit_product_set_finish(&back);
}

TEST(counts_and_lengths_from_outside_are_checked)
{
    static uint8_t bytes[BIT_PRODUCT_SET_BYTES_MAX + 1];
    struct bit_product_set set = {0}, out = {0};
    const int64_t counts[] = {-1, 2, INT64_MAX, INT64_MAX / BIT_PRODUCT_ROW_BYTES + 1};

    add(&set, &h200, 1, 1);
    memcpy(bytes, set.bytes, set.size);
    for (size_t i = 0; i < BIT_COUNT(counts); i++) {
        memcpy(bytes + 88, &counts[i], sizeof counts[i]);
        EXPECT_EQ(bit_product_set_parse(bytes, set.size, &out), BIT_ECORRUPT);
    }
    EXPECT_EQ(bit_product_set_parse(bytes, sizeof bytes, &out), BIT_ELIMIT);
    EXPECT_EQ(bit_product_set_parse(set.bytes, 95, &out), BIT_ECORRUPT);
    memcpy(bytes, set.bytes, set.size);
    memset(bytes + 8, 'x', 64); /* a name without NUL */
    EXPECT_EQ(bit_product_set_parse(bytes, set.size, &out), BIT_ECORRUPT);
    memset(bytes + 8, 0xff, 1); /* not UTF-8 */
    EXPECT_EQ(bit_product_set_parse(bytes, set.size, &out), BIT_ECORRUPT);
    EXPECT_EQ(bit_product_set_parse(NULL, 0, &out), 0);
    EXPECT_EQ(out.size, 0u);
    bit_product_set_finish(&set);
}

TEST(of_too_many_the_oldest_go)
{
    struct bit_product_set set = {0};
    const size_t row = sizeof(struct row);

    for (uint64_t i = 0; i < 3; i++)
        add(&set, &h100, i, i);
    for (uint64_t i = 0; i < 5; i++)
        add(&set, &h200, i, i);
    EXPECT_EQ(bit_product_set_cut(&set, 2 * 96 + 8 * row), 0u);
    EXPECT_EQ(bit_product_set_cut(&set, 2 * 96 + 7 * row + 1), 1u);
    EXPECT_EQ(look_up(&set, &h100, 0), UINT64_MAX);
    EXPECT_EQ(look_up(&set, &h100, 1), 1u);
    EXPECT_EQ(bit_product_set_cut(&set, 96 + 4 * row), 2u + 1);
    EXPECT_EQ(set.size, 96 + 4 * row);
    EXPECT_EQ(look_up(&set, &h200, 0), UINT64_MAX);
    EXPECT_EQ(look_up(&set, &h200, 4), 4u);
    EXPECT_EQ(bit_product_set_cut(&set, 0), 4u);
    EXPECT_EQ(set.size, 0u);
    bit_product_set_finish(&set);
}

TEST(a_card_is_told_with_its_driver_and_library)
{
    char text[BIT_PRODUCT_MAKER_TEXT];
    struct bit_product_maker odd = {.driver = INT64_MIN, .library = INT64_MAX};

    EXPECT_STREQ(bit_product_maker_text(&h200, text), "NVIDIA H200, CUDA 13.0, cuBLASLt 13.1.0");
    EXPECT(strlen(bit_product_maker_text(&odd, text)) < sizeof text);
}

TEST_MAIN
