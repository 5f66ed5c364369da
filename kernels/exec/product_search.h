/*
 * Matrix products by the fastest of a library's algorithms. Which one is fastest depends on the card, on the library
 * and on the shape, and is found by timing; another algorithm may add in another order, so a run that is to repeat its
 * bits keeps the table of what was found. Back ends whose products are their own have nothing to choose: no table, no
 * search.
 */
#ifndef BIT_KERNELS_PRODUCT_SEARCH_H
#define BIT_KERNELS_PRODUCT_SEARCH_H

#include "kernels/exec/exec.h"

/* Whose algorithms they are: to another card, driver or library they mean nothing. Zeroed as a whole, and compared as
 * bytes. */
struct bit_product_card {
    char name[64];
    int64_t driver, library; /* as CUDA and cuBLASLt number themselves: 13000, 130100 */
};

/* All that the choice of an algorithm depends on; zeroed as a whole, and compared as bytes. */
struct bit_product_key {
    int64_t m, n, k, a_row, b_row, c_row;
    int32_t form, ab_dtype, c_dtype, adds, device_factors;
    int32_t a_alignment, b_alignment, addend_alignment, c_alignment;
    int32_t in_place; /* the addend is c */
};

/* A row of the table. Its bytes go into files (proto/ckpt/product_set.h): a new member is a new format. */
struct bit_product_choice {
    struct bit_product_key key;
    uint64_t algorithm[8]; /* the library's own */
    float first_us, us;    /* of one call: the library's first proposal, and this one */
};

/** Whether the backend has a choice at all. What follows is for those that have. */
bool bit_products_have_choice(const struct bit_exec *exec);
/** Whose algorithms this exec's are. Errors: BIT_ECUDA */
int bit_products_card(const struct bit_exec *exec, struct bit_product_card *out);
/**
 * While it is on, each product that is met for the first time and is not in the table is timed there and then, on its
 * own buffers: what it adds to is added to many times, so results are worth nothing. Sequences must not be recorded
 * meanwhile (exec->replays).
 * Errors      -ENOMEM
 */
int bit_products_search(const struct bit_exec *exec, bool on);
/**
 * Those of the table whose products were met since it was taken.
 * Returns     how many; *out is borrowed until another product is met, or rows are taken
 * Errors      -ENOMEM
 */
int bit_products_rows(const struct bit_exec *exec, const struct bit_product_choice **out);
/** The table is these rows, of this card, instead of what was found before. Errors: -ENOMEM */
int bit_products_take(const struct bit_exec *exec, const struct bit_product_choice *rows, int count);

#endif
