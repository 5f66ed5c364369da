/* Makes what is drawn from the curves of runs: the x axis, and the mean over a branch's seeds. */
#ifndef BIT_CTL_PLOT_SERIES_H
#define BIT_CTL_PLOT_SERIES_H

#include "ctl/chart/chart.h"
#include "ctl/client/branches.h"

enum bit_plot_x { BIT_PLOT_STEP, BIT_PLOT_TOKENS, BIT_PLOT_SINCE_SWITCH };

/** "step", "tokens", "since-switch"; false for another word. */
bool bit_plot_x_parse(const char *text, enum bit_plot_x *out);
const char *bit_plot_x_name(enum bit_plot_x x);
/** The x of a step of this run. */
double bit_plot_x_of(enum bit_plot_x x, const struct bit_run_curves *run, uint64_t step);
/** The steps whose x is from `from` to `to`, each of which may be infinite; *low > *high if there are none. */
void bit_plot_x_steps(enum bit_plot_x x, const struct bit_run_curves *run, double from, double to, uint64_t *low,
                      uint64_t *high);

struct bit_plot_series {
    struct bit_chart_series *series; /* as a chart takes them; owned, with the labels */
    struct bit_chart_point **point;  /* of each; owned */
    size_t count;
};

/**
 * Draws the first curve of every run that was read. each: one series for each run; else one for each branch: the mean
 * of its runs at every step at which all have a value, with the standard deviation (of n - 1) as its band. Runs and
 * branches without a value have no series. -ENOMEM.
 */
int bit_plot_series_make(const struct bit_branches *b, enum bit_plot_x x, bool each, struct bit_plot_series *out);
void bit_plot_series_finish(struct bit_plot_series *p);

#endif
