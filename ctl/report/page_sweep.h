/* The sections on a sweep: its tree, the steps saved by sharing, its branches over their seeds, its events. */
#ifndef BIT_CTL_PAGE_SWEEP_H
#define BIT_CTL_PAGE_SWEEP_H

#include "ctl/report/page.h"
#include "ctl/report/section.h"

/** Print the tree and the table of branches. */
void bit_page_sweep_print(struct bit_page_section *s, const struct bit_page *page);
/** Print the events. */
void bit_page_sweep_print_events(struct bit_page_section *s, const Bit__SweepReply *sweep);

/* Room for a run's label among others: that of its branch, or its name and id. */
#define BIT_PAGE_SWEEP_LABEL 200
/**
 * Write the label of run i of the page, without the seed. *which is the index of that label among the different
 * labels.
 * Returns     true if an earlier run of the page has the same label
 */
bool bit_page_sweep_label(const struct bit_page *page, size_t i, char out[BIT_PAGE_SWEEP_LABEL], unsigned *which);

#endif
