/* A run's status as a page for people; shared by `status` and `top`. */
#ifndef BIT_CTL_STATUS_PAGE_H
#define BIT_CTL_STATUS_PAGE_H

#include <stdio.h>

#include "proto/bit.pb-c.h"

/** Print it; the curve too if the status carries points, curve_rows high. */
void bit_status_page_print(FILE *f, const Bit__RunStatus *status, int columns, int curve_rows);
/**
 * The same for a screen of so many columns and rows: longer lines are cut, the curve gets the rows that are left, and
 * what there is no room for at the end is left out. The last line has no newline. Errors: -errno.
 */
int bit_status_page_fit(FILE *f, const Bit__RunStatus *status, int columns, int rows);

#endif
