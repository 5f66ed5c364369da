/* Groups the runs of a page into branches, and prints the effects of the fields that vary in a sweep. */
#ifndef BIT_CTL_PAGE_BRANCHES_H
#define BIT_CTL_PAGE_BRANCHES_H

#include "ctl/client/branches.h"
#include "ctl/report/page.h"
#include "ctl/report/section.h"

/** Runs of the same branch of a sweep form one branch, every other run its own; everything is borrowed from the
 * page. -ENOMEM. */
int bit_page_branches_make(const struct bit_page *page, struct bit_branches *out);
/** The same effects as bitctl table; prints nothing if there are none. */
void bit_page_branches_print_effects(struct bit_page_section *s, const struct bit_branches *b);

#endif
