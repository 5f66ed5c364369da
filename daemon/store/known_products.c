#include "daemon/store/known_products.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/sys/files/fileio.h"
#include "daemon/sys/settings/config.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/log.h"

BIT_LOG_TOPIC("known_products");

#define FILE_BYTES_MAX (BIT_PRODUCT_SET_BYTES_MAX + sizeof(uint32_t))

struct place {
    char path[BIT_CONFIG_PATH_MAX + 32], aside[BIT_CONFIG_PATH_MAX + 48];
};

static void find_place(const char *state, struct place *out)
{
    snprintf(out->path, sizeof out->path, "%s/" BIT_KNOWN_PRODUCTS_FILE, state);
    snprintf(out->aside, sizeof out->aside, "%s.damaged", out->path);
}

static int read_file(const char *path, struct bit_product_set *out)
{
    uint8_t *file = NULL;
    size_t bytes = 0;
    int err = bit_file_read(path, FILE_BYTES_MAX, &file, &bytes);

    if (err == 0 && bit_product_set_open(file, bytes, out) < 0)
        err = bit_fail_within(BIT_ECORRUPT, "%s", path);
    free(file);
    return err;
}

void bit_known_products_read(const char *state, struct bit_product_set *out)
{
    struct place place;

    *out = (struct bit_product_set){0};
    find_place(state, &place);
    int err = read_file(place.path, out);
    if (err == 0 || err == -ENOENT)
        return;
    bit_error("products not read", "file=%s why=\"%s\" text=\"launches time theirs anew\"", place.path,
              bit_fail_text());
    if (err != BIT_ECORRUPT && err != BIT_ELIMIT)
        return;
    if (rename(place.path, place.aside) == 0)
        bit_info("set aside", "file=%s", place.aside);
}

static int write_file(const char *state, const struct bit_product_set *set)
{
    struct place place;
    uint8_t *file = NULL;
    size_t bytes = 0;
    int err = bit_product_set_seal(set, &file, &bytes);

    find_place(state, &place);
    if (err == 0)
        err = bit_file_write(place.path, file, bytes);
    free(file);
    return err < 0 ? err : bit_dir_sync(state);
}

int bit_known_products_add(const char *state, const uint8_t *bytes, size_t size)
{
    struct bit_product_set found = {0}, known = {0};
    int err = bit_product_set_parse(bytes, size, &found);

    if (err == 0) {
        bit_known_products_read(state, &known);
        err = bit_product_set_merge(&known, &found);
    }
    if (err == 0) {
        const size_t gone = bit_product_set_cut(&known, BIT_PRODUCT_SET_BYTES_MAX);
        if (gone > 0)
            bit_info("oldest products forgotten", "products=%zu", gone);
        err = write_file(state, &known);
    }
    bit_product_set_finish(&found);
    bit_product_set_finish(&known);
    return err;
}
