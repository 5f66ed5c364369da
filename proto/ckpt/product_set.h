/*
 * A product set records which algorithm computes each matrix product: the tables of one or more cards, one after the
 * other, as bytes. Each run keeps one, and so do each of its checkpoints (Manifest.products) and bitd (STATE/products).
 * Little-endian:
 *
 *     offset  bytes
 *          0      8  "bitprod1"
 *          8     64  the card's name, ended by a 0
 *         72      8  version of the driver with which the algorithms were found
 *         80      8  version of the library
 *         88      8  rows
 *         96         rows of 160 bytes: 88 identify the product, 64 are the library's algorithm, then the microseconds
 *                    of the library's first proposal and of this one, as f32 (kernels/exec/product_search.h)
 *
 * A file ends in the CRC-32C of all these bytes. A set has one table a card, and a table one row a product.
 */
#ifndef BIT_PROTO_PRODUCT_SET_H
#define BIT_PROTO_PRODUCT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT_PRODUCT_ROW_BYTES 160
#define BIT_PRODUCT_KEY_BYTES 88

/* What the algorithms of a table are valid for. Zero it first: it is compared as bytes. */
struct bit_product_maker {
    char card[64];
    int64_t driver, library;
};

struct bit_product_set {
    uint8_t *bytes; /* heap; NULL for none */
    size_t size;
};

/* One table of a set, borrowed. */
struct bit_product_view {
    struct bit_product_maker maker;
    const uint8_t *rows;
    size_t count;
};

void bit_product_set_finish(struct bit_product_set *set);
/** Parse the tables, which are copied. Errors: BIT_ECORRUPT; BIT_ELIMIT above BIT_PRODUCT_SET_BYTES_MAX; -ENOMEM. */
int bit_product_set_parse(const void *bytes, size_t size, struct bit_product_set *out);
/** The same for a file's bytes, whose checksum is checked too. */
int bit_product_set_open(const void *file, size_t size, struct bit_product_set *out);
/** Make a file's bytes, on the heap. Errors: -ENOMEM. */
int bit_product_set_seal(const struct bit_product_set *set, uint8_t **out, size_t *size);

/** The next table, starting from *at = 0; false after the last. */
bool bit_product_set_next(const struct bit_product_set *set, size_t *at, struct bit_product_view *out);
bool bit_product_set_find(const struct bit_product_set *set, const struct bit_product_maker *maker,
                          struct bit_product_view *out);
/** Whether the table has a row for the product of `row`. */
bool bit_product_view_has(const struct bit_product_view *view, const void *row);
/** The number of rows whose algorithm is not the library's first proposal. */
size_t bit_product_view_not_first(const struct bit_product_view *view);

/**
 * Add rows, which may come from a view of another set. Products that the set has already are not changed. The table
 * moves to the end. Errors: -ENOMEM; the set is then unchanged.
 */
int bit_product_set_add(struct bit_product_set *set, const struct bit_product_maker *maker, const void *rows,
                        size_t count);
/** Add all rows of another set. */
int bit_product_set_merge(struct bit_product_set *set, const struct bit_product_set *from);
/** Remove the maker's table, if there is one. */
void bit_product_set_drop(struct bit_product_set *set, const struct bit_product_maker *maker);
/** Remove rows, first those of the table that was least recently added to, until at most `most` bytes are left. Returns
 * the number of rows removed. */
size_t bit_product_set_cut(struct bit_product_set *set, size_t most);

#define BIT_PRODUCT_MAKER_TEXT 160
/** "NVIDIA H200, CUDA 13.0, cuBLASLt 13.1.0". */
const char *bit_product_maker_text(const struct bit_product_maker *maker, char text[BIT_PRODUCT_MAKER_TEXT]);

#endif
