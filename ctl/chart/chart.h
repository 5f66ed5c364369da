/* A chart: curves over one axis, for the terminal (chart_text.h) and as SVG (chart_svg.h). Pure. */
#ifndef BIT_CTL_CHART_H
#define BIT_CTL_CHART_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/chart/ticks.h"

/** More cannot be told apart. */
#define BIT_CHART_SERIES_MAX 64

/* y is NaN where the curve has a gap. low and high bound a band around it (drawn as SVG alone); NaN: none. */
struct bit_chart_point {
    double x, y, low, high;
};

struct bit_chart_series {
    const char *label;                   /* any text */
    const struct bit_chart_point *point; /* x ascending and finite */
    size_t count;
    double mark;  /* x of a vertical line: the switch; NaN: none */
    unsigned hue; /* series of one hue have one colour, and one mark in the terminal: a branch's seeds */
    bool quiet;   /* has no place in the legend */
};

struct bit_chart {
    const char *title; /* NULL: none */
    const char *x_name, *y_name;
    const char *mark_name; /* what the vertical lines are: "switch to 1.58 bits" */
    const struct bit_chart_series *series;
    size_t count; /* <= BIT_CHART_SERIES_MAX */
    bool log_y;   /* y that is not above 0 is a gap */
    bool bare;    /* as SVG without a legend: what stands around it has one */
};

/* Where things lie in the chart's rectangle. */
struct bit_chart_frame {
    double x_low, x_high, y_low, y_high; /* of the axes; y as in log_y */
    bool log_y;
    struct bit_ticks x, y;
};

/** Axes that hold every point, with at most so many ticks. Of a chart without a point: from 0 to 1. */
void bit_chart_frame_make(const struct bit_chart *chart, int x_ticks, int y_ticks, struct bit_chart_frame *out);
/** 0 at the left, 1 at the right. */
double bit_chart_frame_x(const struct bit_chart_frame *frame, double x);
/** 0 at the bottom, 1 at the top; NaN for what has no place. */
double bit_chart_frame_y(const struct bit_chart_frame *frame, double y);
/** Whether any point can be drawn. */
bool bit_chart_has_points(const struct bit_chart *chart);

#endif
