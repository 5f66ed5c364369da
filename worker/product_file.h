/*
 * The table of products that a run keeps beside its checkpoints, so that a launch that begins before the first of them
 * computes as the one before it did.
 */
#ifndef BIT_WORKER_PRODUCT_FILE_H
#define BIT_WORKER_PRODUCT_FILE_H

#include "proto/ckpt/product_set.h"

#define BIT_PRODUCT_FILE "products" /* in the run's folder of checkpoints */

/** Empty where there is none. One that is damaged is warned of and set aside ("products.damaged"): empty, too. */
void bit_product_file_read(const char *dir, struct bit_product_set *out);
/** Whole, durable and in the place of the one before, or not at all, which is warned of. */
void bit_product_file_keep(const char *dir, const struct bit_product_set *set);

#endif
