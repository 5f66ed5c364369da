/*
 * STATE/products: which algorithms of matrix products launches have timed, of whatever card, for those that come after
 * them. The file is read at each launch and nothing of it is held, so that removing it forgets them all.
 */
#ifndef BIT_DAEMON_KNOWN_PRODUCTS_H
#define BIT_DAEMON_KNOWN_PRODUCTS_H

#include "proto/ckpt/product_set.h"

#define BIT_KNOWN_PRODUCTS_FILE "products"

/** Empty where there is none. One that is damaged is told of and set aside (products.damaged), and one that cannot be
 * read is told of: both are empty, too. */
void bit_known_products_read(const char *state, struct bit_product_set *out);
/**
 * Add a worker's, durably; what is known already stays as it is, so that runs go on computing alike, and of too many
 * the oldest go.
 * Errors      BIT_ECORRUPT; -ENOMEM; -errno, which names the file
 */
int bit_known_products_add(const char *state, const uint8_t *bytes, size_t size);

#endif
