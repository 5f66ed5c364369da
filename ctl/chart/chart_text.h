/* A chart in the terminal: braille where it can be shown, characters of ASCII elsewhere. */
#ifndef BIT_CTL_CHART_TEXT_H
#define BIT_CTL_CHART_TEXT_H

#include <stdio.h>

#include "ctl/chart/chart.h"

struct bit_chart_look {
    int columns, rows; /* of the whole, legend and axes included; at least 30 by 8 are taken */
    bool utf8, colour;
};

/** What can be shown on `f`: its size (80 by 24 where it is no terminal), UTF-8 by the locale's variables, colours on a
 * terminal unless NO_COLOR is set. */
struct bit_chart_look bit_chart_look_of(FILE *f);

/**
 * Draw the chart in at most look.rows lines of at most look.columns characters, and a newline after each. Curves are
 * told apart by colour and, where there are several, by a mark that stands on them again and again and in the legend;
 * where curves lie on each other, their marks and colours take turns. Bands are not drawn. A legend that would take
 * more than half of the rows ends in how many are left out.
 */
void bit_chart_text_draw(FILE *f, const struct bit_chart *chart, const struct bit_chart_look *look);

#endif
