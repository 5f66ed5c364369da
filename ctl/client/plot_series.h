/* From the curves of runs to what is drawn: what x counts, and the mean of a branch's seeds. */
#ifndef BIT_CTL_PLOT_SERIES_H
#define BIT_CTL_PLOT_SERIES_H

#include "ctl/chart/chart.h"
#include "ctl/client/branches.h"

enum bit_plot_x { BIT_PLOT_STEP, BIT_PLOT_TOKENS, BIT_PLOT_SINCE_SWITCH };

/** "step", "tokens", "since-switch"; false for another word. */
bool bit_plot_x_parse(const char *text, enum bit_plot_x *out);
const char *bit_plot_x_name(enum bit_plot_x x);
/** Where a step of this run lies. */
double bit_plot_x_of(enum bit_plot_x x, const struct bit_run_curves *run, uint64_t step);
/** The steps whose x is from `from` to `to`, either infinite for no end; low above high where there are none. */
void bit_plot_x_steps(enum bit_plot_x x, const struct bit_run_curves *run, double from, double to, uint64_t *low,
                      uint64_t *high);

struct bit_plot_series {
    struct bit_chart_series *series; /* what a chart takes; owned, with the labels */
    struct bit_chart_point **point;  /* of each; owned */
    size_t count;
};

/**
 * The first curve of every run that was read. Each run has a series of its own, or each branch one: the mean of its
 * runs at every step that all of them have a value of, with the standard deviation (of n - 1) as its band. Runs and
 * branches without a value have none. -ENOMEM.
 */
int bit_plot_series_make(const struct bit_branches *b, enum bit_plot_x x, bool each, struct bit_plot_series *out);
void bit_plot_series_finish(struct bit_plot_series *p);

#endif
