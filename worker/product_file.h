/*
 * The table of product algorithms that a run keeps beside its checkpoints, so that a launch that begins before the
 * first checkpoint computes with the same algorithms as the previous launch.
 */
#ifndef BIT_WORKER_PRODUCT_FILE_H
#define BIT_WORKER_PRODUCT_FILE_H

#include "proto/ckpt/product_set.h"

#define BIT_PRODUCT_FILE "products" /* in the run's folder of checkpoints */

/** *out is empty if there is no file. A damaged file is renamed to "products.damaged" with a warning; *out is then
 * empty, too. */
void bit_product_file_read(const char *dir, struct bit_product_set *out);
/** Replaces the previous file atomically and durably. A failure is a warning, and the previous file stays. */
void bit_product_file_keep(const char *dir, const struct bit_product_set *set);

#endif
