/*
 * Selection of the fastest of a library's algorithms for each matrix product. Which one is fastest depends on the card,
 * the library and the shape, and is found by timing. Algorithms may add in different orders, so a run that must
 * reproduce its bits keeps the table of choices. Back ends that do not use a library for products have no table and no
 * search.
 */
#ifndef BIT_KERNELS_PRODUCT_SEARCH_H
#define BIT_KERNELS_PRODUCT_SEARCH_H

#include "kernels/exec/exec.h"

/* The card and library that a table is for: it is not valid for another card, driver or library. Zeroed as a whole, and
 * compared as bytes. */
struct bit_product_card {
    char name[64];
    int64_t driver, library; /* versions as CUDA and cuBLASLt report them: 13000, 130100 */
};

/* Everything that the choice of an algorithm depends on; zeroed as a whole, and compared as bytes. */
struct bit_product_key {
    int64_t m, n, k, a_row, b_row, c_row;
    int32_t form, ab_dtype, c_dtype, adds, device_factors;
    int32_t a_alignment, b_alignment, addend_alignment, c_alignment;
    int32_t in_place; /* the addend is c */
};

/* A row of the table. Its bytes are written to files (proto/ckpt/product_set.h): a new member is a new format. */
struct bit_product_choice {
    struct bit_product_key key;
    uint64_t algorithm[8]; /* the library's own */
    float first_us, us;    /* time of one call by the library's first proposal, and by this algorithm */
};

/** Whether the backend has a choice of algorithms. Only if it has, call the functions below. */
bool bit_products_have_choice(const struct bit_exec *exec);
/** The card and library of this exec. Errors: BIT_ECUDA */
int bit_products_card(const struct bit_exec *exec, struct bit_product_card *out);
/**
 * While the search is on, the first call of each product that is not in the table times the candidates on that call's
 * buffers. An accumulating product is then added many times, so results are garbage. Sequences must not be recorded
 * during a search (exec->replays).
 * Errors      -ENOMEM
 */
int bit_products_search(const struct bit_exec *exec, bool on);
/**
 * The rows of the table whose products were called since bit_products_take.
 * Returns     how many; *out is borrowed until another product is called, or rows are taken
 * Errors      -ENOMEM
 */
int bit_products_rows(const struct bit_exec *exec, const struct bit_product_choice **out);
/** Replace the table by these rows, which must be of this card. Errors: -ENOMEM */
int bit_products_take(const struct bit_exec *exec, const struct bit_product_choice *rows, int count);

#endif
