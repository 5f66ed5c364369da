/* Draws a chart in the terminal, in braille if that can be shown, else in ASCII. */
#ifndef BIT_CTL_CHART_TEXT_H
#define BIT_CTL_CHART_TEXT_H

#include <stdio.h>

#include "ctl/chart/chart.h"

struct bit_chart_look {
    int columns, rows; /* of the whole chart, with legend and axes; raised to at least 30 by 8 */
    bool utf8, colour;
};

/**
 * What can be shown on `f`: its size (80 by 24 if it is not a terminal), UTF-8 according to the locale's variables,
 * colours on a terminal unless NO_COLOR is set.
 */
struct bit_chart_look bit_chart_look_of(FILE *f);

/**
 * Draw the chart in at most look.rows lines of at most look.columns characters, with a newline after each. Curves
 * differ in colour and, if there are several, in marks, which are repeated along the curve and shown in the legend.
 * Where curves overlap, their marks and colours alternate. Bands are not drawn. A legend that would take more than
 * half of the rows is cut, and ends with the number of curves left out.
 */
void bit_chart_text_draw(FILE *f, const struct bit_chart *chart, const struct bit_chart_look *look);

#endif
