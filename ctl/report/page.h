/* The whole report: one HTML file that needs no network and no script, and that prints well. */
#ifndef BIT_CTL_PAGE_H
#define BIT_CTL_PAGE_H

#include <stdio.h>

#include "ctl/report/run_past.h"

struct bit_page {
    const struct bit_run_past *run; /* borrowed, as are all pointers here */
    size_t count;
    const Bit__SweepReply *sweep;  /* NULL: the report is on runs */
    const Bit__ListReply *all;     /* every run that bitd has */
    const Bit__VersionReply *bitd; /* the bitd that replied */
    uint64_t made_ns;              /* now, or SOURCE_DATE_EPOCH */
};

/**
 * Print the page. Equal journals give equal bytes, except in the line that begins with <p id="generated">.
 * Errors      -ENOMEM
 */
int bit_page_print(FILE *f, const struct bit_page *page);

#endif
