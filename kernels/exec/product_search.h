/*
 * Matrix products by the fastest of a library's algorithms. Which one is fastest depends on the card, on the library
 * and on the shape, and is found by timing; another algorithm may add in another order, so a run that is to repeat its
 * bits keeps the table of what was found. Back ends whose products are their own have nothing to choose: no table, no
 * search.
 */
#ifndef BIT_KERNELS_PRODUCT_SEARCH_H
#define BIT_KERNELS_PRODUCT_SEARCH_H

#include "kernels/exec/exec.h"

/** Whether the backend has a choice at all. */
bool bit_products_have_choice(const struct bit_exec *exec);
/**
 * While it is on, each product that is met for the first time and is not in the table is timed there and then, on its
 * own buffers: what it adds to is added to many times, so results are worth nothing. Sequences must not be recorded
 * meanwhile (exec->replays).
 * Errors      -ENOMEM
 */
int bit_products_search(const struct bit_exec *exec, bool on);
/** The table, as bytes: *out is the caller's to free; NULL and 0 where there is no choice. Errors: -ENOMEM, BIT_ECUDA
 */
int bit_products_export(const struct bit_exec *exec, void **out, size_t *bytes);
/**
 * Take such a table in the place of what was found before.
 * Returns     the rows taken: 0 if it is of another card, driver or library, or there is no choice
 * Errors      BIT_ECORRUPT, -ENOMEM
 */
int bit_products_import(const struct bit_exec *exec, const void *table, size_t bytes);

struct bit_product_count {
    int products;  /* in the table */
    int not_first; /* whose algorithm is another than the library's first proposal */
};
struct bit_product_count bit_products_count(const struct bit_exec *exec);

#endif
