/* The whole report: one HTML file that asks no network, needs no script and looks good on paper. */
#ifndef BIT_CTL_PAGE_H
#define BIT_CTL_PAGE_H

#include <stdio.h>

#include "ctl/report/run_past.h"

struct bit_page {
    const struct bit_run_past *run; /* borrowed, as all */
    size_t count;
    const Bit__SweepReply *sweep;  /* NULL: it is of runs */
    const Bit__ListReply *all;     /* every run that bitd has */
    const Bit__VersionReply *bitd; /* which told it */
    uint64_t made_ns;              /* now, or what SOURCE_DATE_EPOCH says */
};

/**
 * Print it. Of equal journals the bytes are equal but for the line that begins with <p id="generated">.
 * Errors      -ENOMEM
 */
int bit_page_print(FILE *f, const struct bit_page *page);

#endif
