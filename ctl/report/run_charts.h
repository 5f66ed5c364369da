/* Figures of the curves of one run, or of several runs in the same charts. */
#ifndef BIT_CTL_RUN_CHARTS_H
#define BIT_CTL_RUN_CHARTS_H

#include "ctl/client/branches.h"
#include "ctl/report/section.h"

#define BIT_RUN_CHARTS_SETS_MAX 16 /* held-out sets, and tasks, that have a curve; of more only the first */
/* Buckets of bit_thin_init for each curve. */
#define BIT_RUN_CHARTS_BUCKETS 2048

struct bit_run_charts_wishes {
    struct bit_curve_wish wish[16 + 4 * BIT_RUN_CHARTS_SETS_MAX];
    size_t count;
};
/** The curves that a report reads for a run with this specification. */
void bit_run_charts_wishes(const Bit__RunSpec *spec, struct bit_run_charts_wishes *out);

/** Print the figures of one run; curves without a value are left out. */
void bit_run_charts_put(struct bit_page_section *s, const struct bit_run_curves *run);
/** Print the figures of 1 to BIT_CHART_SERIES_MAX branches: means over the runs of each, with one common legend. */
void bit_run_charts_put_branches(struct bit_page_section *s, const struct bit_branches *b);
/** Whether any curve has a value. */
bool bit_run_charts_are_there(const struct bit_run_curves *curves);

#endif
