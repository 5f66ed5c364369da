/* A run's status as a page for people, for `status` and `top`. */
#ifndef BIT_CTL_STATUS_PAGE_H
#define BIT_CTL_STATUS_PAGE_H

#include <stdio.h>

#include "proto/bit.pb-c.h"

/** Print it; with a curve of curve_rows rows if the status has points. */
void bit_status_page_print(FILE *f, const Bit__RunStatus *status, int columns, int curve_rows);
/**
 * The same for a screen of `columns` and `rows`: lines are cut, the curve gets the rows that are left, and the end is
 * left out if there is no room. The last line has no newline. Errors: -errno.
 */
int bit_status_page_fit(FILE *f, const Bit__RunStatus *status, int columns, int rows);

#endif
