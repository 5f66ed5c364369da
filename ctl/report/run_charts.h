/* The curves of a run, or those of several runs in the same charts, as figures. */
#ifndef BIT_CTL_RUN_CHARTS_H
#define BIT_CTL_RUN_CHARTS_H

#include "ctl/client/branches.h"
#include "ctl/report/section.h"

#define BIT_RUN_CHARTS_SETS_MAX 16 /* held-out sets, and tasks, that have a curve: of more the first */
/* Values of a curve that are kept: buckets of bit_thin_init. */
#define BIT_RUN_CHARTS_BUCKETS 2048

struct bit_run_charts_wishes {
    struct bit_curve_wish wish[16 + 4 * BIT_RUN_CHARTS_SETS_MAX];
    size_t count;
};
/** The curves that a report reads of a run with this specification. */
void bit_run_charts_wishes(const Bit__RunSpec *spec, struct bit_run_charts_wishes *out);

/** The figures of one run; a curve without a value has none. */
void bit_run_charts_put(struct bit_page_section *s, const struct bit_run_curves *run);
/** Those of branches, 1 to BIT_CHART_SERIES_MAX: means over the runs of each, and one legend for all figures. */
void bit_run_charts_put_branches(struct bit_page_section *s, const struct bit_branches *b);
/** Whether any of them has a value. */
bool bit_run_charts_are_there(const struct bit_run_curves *curves);

#endif
