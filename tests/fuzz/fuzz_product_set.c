/* Tables of products, from a worker or a file. */
#include <stdlib.h>
#include <string.h>

#include "proto/ckpt/product_set.h"
#include "tests/fuzz/fuzz.h"

/* A parsed set is complete, is the same after a round trip, and has each product of a card once. */
static void check_set(const struct bit_product_set *set)
{
    struct bit_product_set again = {0};
    struct bit_product_view view, found;
    uint8_t *file;
    size_t bytes;

    FUZZ_CHECK(bit_product_set_seal(set, &file, &bytes) == 0);
    FUZZ_CHECK(bit_product_set_open(file, bytes, &again) == 0);
    FUZZ_CHECK(again.size == set->size && (set->size == 0 || memcmp(again.bytes, set->bytes, set->size) == 0));
    FUZZ_CHECK(bit_product_set_merge(&again, set) == 0 && again.size == set->size);
    for (size_t at = 0; bit_product_set_next(set, &at, &view);) {
        FUZZ_CHECK(view.count > 0 && bit_product_set_find(set, &view.maker, &found));
        FUZZ_CHECK(found.rows == view.rows && bit_product_view_not_first(&view) <= view.count);
    }
    bit_product_set_cut(&again, set->size / 2);
    FUZZ_CHECK(again.size <= set->size / 2);
    bit_product_set_finish(&again);
    free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct bit_product_set set;

    if (bit_product_set_parse(data, bytes, &set) == 0) {
        check_set(&set);
        bit_product_set_finish(&set);
    }
    return 0;
}
