/*
 * STATE/products: the algorithms of matrix products that launches have timed, for every card, for use by later
 * launches. The file is read at each launch and not held in memory, so removing it forgets them all.
 */
#ifndef BIT_DAEMON_KNOWN_PRODUCTS_H
#define BIT_DAEMON_KNOWN_PRODUCTS_H

#include "proto/ckpt/product_set.h"

#define BIT_KNOWN_PRODUCTS_FILE "products"

/**
 * Read them; empty if there is no file. A damaged file is logged and renamed to products.damaged, an unreadable one is
 * logged; both give an empty set.
 */
void bit_known_products_read(const char *state, struct bit_product_set *out);
/**
 * Add a worker's, durably. Known products stay as they are, so that runs keep computing alike; if there are too many,
 * the oldest are dropped.
 * Errors      BIT_ECORRUPT; -ENOMEM; -errno, which names the file
 */
int bit_known_products_add(const char *state, const uint8_t *bytes, size_t size);

#endif
