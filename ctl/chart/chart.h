/* A chart: curves over one axis. Printed in the terminal (chart_text.h) or as SVG (chart_svg.h). Pure. */
#ifndef BIT_CTL_CHART_H
#define BIT_CTL_CHART_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/chart/ticks.h"

/** More could not be distinguished. */
#define BIT_CHART_SERIES_MAX 64

/* y is NaN where the curve has a gap. low and high bound a band around it (drawn in SVG only); NaN: none. */
struct bit_chart_point {
    double x, y, low, high;
};

struct bit_chart_series {
    const char *label;                   /* may contain any characters */
    const struct bit_chart_point *point; /* x ascending and finite */
    size_t count;
    double mark;  /* x of a vertical line: the switch; NaN: none */
    unsigned hue; /* series with the same hue have the same colour and mark: the seeds of a branch */
    bool quiet;   /* not in the legend */
};

struct bit_chart {
    const char *title; /* NULL: none */
    const char *x_name, *y_name;
    const char *mark_name; /* meaning of the vertical lines: "switch to 1.58 bits" */
    const struct bit_chart_series *series;
    size_t count; /* <= BIT_CHART_SERIES_MAX */
    bool log_y;   /* values that are not above 0 are gaps */
    bool bare;    /* SVG without a legend, which the page has elsewhere */
};

/* The axes, which map values to positions in the chart's rectangle. */
struct bit_chart_frame {
    double x_low, x_high, y_low, y_high; /* limits of the axes; y is log10(y) if log_y */
    bool log_y;
    struct bit_ticks x, y;
};

/** Make axes that cover every point, with at most so many ticks. Without any point they are from 0 to 1. */
void bit_chart_frame_make(const struct bit_chart *chart, int x_ticks, int y_ticks, struct bit_chart_frame *out);
/** 0 is left, 1 is right. */
double bit_chart_frame_x(const struct bit_chart_frame *frame, double x);
/** 0 is the bottom, 1 the top; NaN if y cannot be drawn. */
double bit_chart_frame_y(const struct bit_chart_frame *frame, double y);
/** Whether any point can be drawn. */
bool bit_chart_has_points(const struct bit_chart *chart);

#endif
