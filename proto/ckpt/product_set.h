/*
 * Which algorithm computes each matrix product, as bytes: the tables of one or more cards, one after the other. A run
 * keeps one, and so do each of its checkpoints (Manifest.products) and bitd (STATE/products). Little-endian:
 *
 *     offset  bytes
 *          0      8  "bitprod1"
 *          8     64  the card's name, ended by a 0
 *         72      8  the driver that it was found with
 *         80      8  the library
 *         88      8  rows
 *         96         rows of 160 bytes: 88 that say which product, 64 of the library's own, and the microseconds of its
 *                    first proposal and of this one, as f32 (kernels/exec/product_search.h)
 *
 * In a file, the CRC-32C of all that follows at the end. Of a card there is one table, and of a product one row in it.
 */
#ifndef BIT_PROTO_PRODUCT_SET_H
#define BIT_PROTO_PRODUCT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT_PRODUCT_ROW_BYTES 160
#define BIT_PRODUCT_KEY_BYTES 88

/* Whose algorithms they are; zeroed as a whole, and compared as bytes. */
struct bit_product_maker {
    char card[64];
    int64_t driver, library;
};

struct bit_product_set {
    uint8_t *bytes; /* heap; NULL for none */
    size_t size;
};

/* One of its tables, borrowed. */
struct bit_product_view {
    struct bit_product_maker maker;
    const uint8_t *rows;
    size_t count;
};

void bit_product_set_finish(struct bit_product_set *set);
/** Of such bytes, which are copied. Errors: BIT_ECORRUPT; BIT_ELIMIT above BIT_PRODUCT_SET_BYTES_MAX; -ENOMEM. */
int bit_product_set_parse(const void *bytes, size_t size, struct bit_product_set *out);
/** Of a file's bytes: the same, and its checksum. */
int bit_product_set_open(const void *file, size_t size, struct bit_product_set *out);
/** A file's bytes, heap. Errors: -ENOMEM. */
int bit_product_set_seal(const struct bit_product_set *set, uint8_t **out, size_t *size);

/** The next table, from *at = 0 on; false behind the last. */
bool bit_product_set_next(const struct bit_product_set *set, size_t *at, struct bit_product_view *out);
bool bit_product_set_find(const struct bit_product_set *set, const struct bit_product_maker *maker,
                          struct bit_product_view *out);
/** Whether it has a row for the product of this one. */
bool bit_product_view_has(const struct bit_product_view *view, const void *row);
/** How many of its rows are another algorithm than the library's first. */
size_t bit_product_view_not_first(const struct bit_product_view *view);

/**
 * Add rows, which may be those of a view of another set; products that are there already stay as they are. The table
 * comes last. Errors: -ENOMEM; the set is as it was then.
 */
int bit_product_set_add(struct bit_product_set *set, const struct bit_product_maker *maker, const void *rows,
                        size_t count);
/** The same for all of another set's. */
int bit_product_set_merge(struct bit_product_set *set, const struct bit_product_set *from);
/** Take a card's table out, if there is one. */
void bit_product_set_drop(struct bit_product_set *set, const struct bit_product_maker *maker);
/** Drop what was added first until no more than `most` bytes are left. Returns how many rows went. */
size_t bit_product_set_cut(struct bit_product_set *set, size_t most);

#define BIT_PRODUCT_MAKER_TEXT 160
/** "NVIDIA H200, CUDA 13.0, cuBLASLt 13.1.0". */
const char *bit_product_maker_text(const struct bit_product_maker *maker, char text[BIT_PRODUCT_MAKER_TEXT]);

#endif
