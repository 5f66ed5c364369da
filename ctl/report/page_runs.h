/* The section on several runs: their figures side by side, and the settings in which they differ. */
#ifndef BIT_CTL_PAGE_RUNS_H
#define BIT_CTL_PAGE_RUNS_H

#include "ctl/client/branches.h"
#include "ctl/report/page.h"
#include "ctl/report/section.h"

/** b: the page's runs, grouped into branches. */
void bit_page_runs_print(struct bit_page_section *s, const struct bit_page *page, const struct bit_branches *b);

#endif
