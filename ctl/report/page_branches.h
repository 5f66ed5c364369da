/* The runs of a page in branches, and what the fields that vary in a sweep do. */
#ifndef BIT_CTL_PAGE_BRANCHES_H
#define BIT_CTL_PAGE_BRANCHES_H

#include "ctl/client/branches.h"
#include "ctl/report/page.h"
#include "ctl/report/section.h"

/** Runs of a sweep's branch are one branch, other runs one each; everything is lent by the page. -ENOMEM. */
int bit_page_branches_make(const struct bit_page *page, struct bit_branches *out);
/** The effects that bitctl table finds; nothing where there are none. */
void bit_page_branches_print_effects(struct bit_page_section *s, const struct bit_branches *b);

#endif
