/* What is said of a sweep: its tree, what sharing saved, its branches over their seeds, what happened to it. */
#ifndef BIT_CTL_PAGE_SWEEP_H
#define BIT_CTL_PAGE_SWEEP_H

#include "ctl/report/page.h"
#include "ctl/report/section.h"

/** The tree, and the branches beside one another. */
void bit_page_sweep_print(struct bit_page_section *s, const struct bit_page *page);
/** What happened to it. */
void bit_page_sweep_print_events(struct bit_page_section *s, const Bit__SweepReply *sweep);

/* What a run is called among others: the label of its branch, or its name and id. */
#define BIT_PAGE_SWEEP_LABEL 200
/**
 * Of run i of the page: its label without the seed, and which of those labels it is, from 0.
 * Returns     true where an earlier run of the page has the same label
 */
bool bit_page_sweep_label(const struct bit_page *page, size_t i, char out[BIT_PAGE_SWEEP_LABEL], unsigned *which);

#endif
