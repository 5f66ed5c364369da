#include "proto/ckpt/product_set.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/utf8.h"

struct heading {
    char magic[8];
    struct bit_product_maker maker;
    int64_t rows;
};
#define MAGIC     "bitprod1"
#define US_OFFSET (BIT_PRODUCT_ROW_BYTES - 2 * sizeof(float))

_Static_assert(sizeof(struct heading) == 96, "as product_set.h says");

void bit_product_set_finish(struct bit_product_set *set)
{
    free(set->bytes);
    *set = (struct bit_product_set){0};
}

/* ---- reading */

bool bit_product_set_next(const struct bit_product_set *set, size_t *at, struct bit_product_view *out)
{
    struct heading heading;

    if (*at >= set->size)
        return false;
    memcpy(&heading, set->bytes + *at, sizeof heading);
    out->maker = heading.maker;
    out->rows = set->bytes + *at + sizeof heading;
    out->count = (size_t)heading.rows;
    *at += sizeof heading + out->count * BIT_PRODUCT_ROW_BYTES;
    return true;
}

bool bit_product_set_find(const struct bit_product_set *set, const struct bit_product_maker *maker,
                          struct bit_product_view *out)
{
    for (size_t at = 0; bit_product_set_next(set, &at, out);)
        if (memcmp(&out->maker, maker, sizeof *maker) == 0)
            return true;
    return false;
}

bool bit_product_view_has(const struct bit_product_view *view, const void *row)
{
    for (size_t i = 0; i < view->count; i++)
        if (memcmp(view->rows + i * BIT_PRODUCT_ROW_BYTES, row, BIT_PRODUCT_KEY_BYTES) == 0)
            return true;
    return false;
}

size_t bit_product_view_not_first(const struct bit_product_view *view)
{
    size_t count = 0;

    for (size_t i = 0; i < view->count; i++) {
        float us[2];
        memcpy(us, view->rows + i * BIT_PRODUCT_ROW_BYTES + US_OFFSET, sizeof us);
        count += us[1] < us[0];
    }
    return count;
}

static int check_heading(struct heading *h, size_t rest)
{
    const size_t length = strnlen(h->maker.card, sizeof h->maker.card);

    memset(h->maker.card + length, 0, sizeof h->maker.card - length);
    if (memcmp(h->magic, MAGIC, sizeof h->magic) != 0)
        return bit_fail(BIT_ECORRUPT, "not a table of products");
    if (length == sizeof h->maker.card || !bit_utf8_valid(h->maker.card, length))
        return bit_fail(BIT_ECORRUPT, "invalid card name");
    if (h->rows < 0 || (uint64_t)h->rows > rest / BIT_PRODUCT_ROW_BYTES)
        return bit_fail(BIT_ECORRUPT, "%" PRId64 " products in %zu bytes", h->rows, rest);
    return 0;
}

int bit_product_set_parse(const void *bytes, size_t size, struct bit_product_set *out)
{
    struct bit_product_set made = {0};
    int err = 0;

    if (size > BIT_PRODUCT_SET_BYTES_MAX)
        return bit_fail(BIT_ELIMIT, "tables of products of %zu bytes", size);
    for (size_t at = 0; at < size && err == 0;) {
        const uint8_t *from = (const uint8_t *)bytes + at;
        struct heading heading;
        if (size - at < sizeof heading) {
            err = bit_fail(BIT_ECORRUPT, "%zu bytes after the last table of products", size - at);
            break;
        }
        memcpy(&heading, from, sizeof heading);
        err = check_heading(&heading, size - at - sizeof heading);
        if (err == 0) /* bit_product_set_add keeps one row per product */
            err = bit_product_set_add(&made, &heading.maker, from + sizeof heading, (size_t)heading.rows);
        at += sizeof heading + (err == 0 ? (size_t)heading.rows * BIT_PRODUCT_ROW_BYTES : 0);
    }
    if (err < 0)
        bit_product_set_finish(&made);
    else
        *out = made;
    return err;
}

/* ---- files */

int bit_product_set_open(const void *file, size_t size, struct bit_product_set *out)
{
    uint32_t crc;

    if (size < sizeof crc)
        return bit_fail(BIT_ECORRUPT, "%zu bytes are no tables of products", size);
    size -= sizeof crc;
    memcpy(&crc, (const uint8_t *)file + size, sizeof crc);
    if (crc != bit_crc32c(0, file, size))
        return bit_fail(BIT_ECORRUPT, "the checksum is wrong");
    return bit_product_set_parse(file, size, out);
}

int bit_product_set_seal(const struct bit_product_set *set, uint8_t **out, size_t *size)
{
    const uint32_t crc = bit_crc32c(0, set->bytes, set->size);
    uint8_t *file = malloc(set->size + sizeof crc);

    if (file == NULL)
        return bit_fail(-ENOMEM, "tables of products of %zu bytes", set->size);
    if (set->size > 0)
        memcpy(file, set->bytes, set->size);
    memcpy(file + set->size, &crc, sizeof crc);
    *out = file;
    *size = set->size + sizeof crc;
    return 0;
}

/* ---- changing */

void bit_product_set_drop(struct bit_product_set *set, const struct bit_product_maker *maker)
{
    struct bit_product_view view;

    for (size_t begin = 0, at = 0; bit_product_set_next(set, &at, &view); begin = at) {
        if (memcmp(&view.maker, maker, sizeof *maker) != 0)
            continue;
        memmove(set->bytes + begin, set->bytes + at, set->size - at);
        set->size -= at - begin;
        return;
    }
}

/* Copies to `to` the rows of `from` whose product is neither in `known` nor in an earlier row. Returns their number. */
static size_t copy_new(uint8_t *to, const struct bit_product_view *known, const uint8_t *from, size_t count)
{
    struct bit_product_view added = {.rows = to};

    for (size_t i = 0; i < count; i++) {
        const uint8_t *row = from + i * BIT_PRODUCT_ROW_BYTES;
        if (bit_product_view_has(known, row) || bit_product_view_has(&added, row))
            continue;
        memcpy(to + added.count * BIT_PRODUCT_ROW_BYTES, row, BIT_PRODUCT_ROW_BYTES);
        added.count++;
    }
    return added.count;
}

int bit_product_set_add(struct bit_product_set *set, const struct bit_product_maker *maker, const void *rows,
                        size_t count)
{
    struct heading heading = {.magic = MAGIC, .maker = *maker};
    struct bit_product_view old = {0};
    const bool known = bit_product_set_find(set, maker, &old);
    const size_t old_bytes = known ? old.count * BIT_PRODUCT_ROW_BYTES : 0;
    uint8_t *table = malloc(sizeof heading + old_bytes + count * BIT_PRODUCT_ROW_BYTES), *grown = NULL;
    size_t added = 0;

    if (table == NULL)
        return bit_fail(-ENOMEM, "a table of %zu products", count);
    if (!known)
        old.count = 0;
    added = copy_new(table + sizeof heading + old_bytes, &old, rows, count);
    if (added == 0) {
        free(table);
        return 0;
    }
    if (old_bytes > 0)
        memcpy(table + sizeof heading, old.rows, old_bytes);
    heading.rows = (int64_t)(old.count + added);
    memcpy(table, &heading, sizeof heading);
    const size_t bytes = sizeof heading + (size_t)heading.rows * BIT_PRODUCT_ROW_BYTES;
    grown = realloc(set->bytes, set->size + bytes);
    if (grown != NULL) {
        set->bytes = grown;
        bit_product_set_drop(set, maker);
        memcpy(set->bytes + set->size, table, bytes);
        set->size += bytes;
    }
    free(table);
    return grown != NULL ? 0 : bit_fail(-ENOMEM, "a table of %zu products", count);
}

int bit_product_set_merge(struct bit_product_set *set, const struct bit_product_set *from)
{
    struct bit_product_view view;
    int err = 0;

    for (size_t at = 0; err == 0 && bit_product_set_next(from, &at, &view);)
        err = bit_product_set_add(set, &view.maker, view.rows, view.count);
    return err;
}

/* Removes the first `count` rows of the first table. */
static void drop_rows(struct bit_product_set *set, size_t count)
{
    struct heading heading;
    uint8_t *rows = set->bytes + sizeof heading;
    const size_t bytes = count * BIT_PRODUCT_ROW_BYTES;

    memcpy(&heading, set->bytes, sizeof heading);
    heading.rows -= (int64_t)count;
    memcpy(set->bytes, &heading, sizeof heading);
    memmove(rows, rows + bytes, set->size - sizeof heading - bytes);
    set->size -= bytes;
}

size_t bit_product_set_cut(struct bit_product_set *set, size_t most)
{
    struct bit_product_view first;
    size_t gone = 0;

    while (set->size > most) {
        const size_t too_many = (set->size - most + BIT_PRODUCT_ROW_BYTES - 1) / BIT_PRODUCT_ROW_BYTES;
        size_t at = 0;
        bit_product_set_next(set, &at, &first);
        if (too_many < first.count)
            drop_rows(set, too_many);
        else
            bit_product_set_drop(set, &first.maker);
        gone += too_many < first.count ? too_many : first.count;
    }
    return gone;
}

const char *bit_product_maker_text(const struct bit_product_maker *maker, char text[BIT_PRODUCT_MAKER_TEXT])
{
    const int64_t driver = maker->driver, library = maker->library;

    bit_format(text, BIT_PRODUCT_MAKER_TEXT,
               "%.63s, CUDA %" PRId64 ".%" PRId64 ", cuBLASLt %" PRId64 ".%" PRId64 ".%" PRId64, maker->card,
               driver / 1000, driver % 1000 / 10, library / 10000, library / 100 % 100, library % 100);
    return text;
}
