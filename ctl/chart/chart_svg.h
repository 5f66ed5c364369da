/* A chart as SVG: for a file of its own, or inside a page. */
#ifndef BIT_CTL_CHART_SVG_H
#define BIT_CTL_CHART_SVG_H

#include <stdint.h>
#include <stdio.h>

#include "ctl/chart/chart.h"

/**
 * Print one <svg> element of width by height (at least 320 by 200) and below the height a row for every line of the
 * legend. It refers to nothing else, has no script, no style sheet and no id, so that any number of them may stand in
 * one page; its background is transparent, and every colour of it can be read on white and on nearly black. Curves have
 * a colour and, from the ninth hue on, another dash; bands are drawn where points have them. Points closer than a
 * pixel are drawn from their lowest to their highest.
 */
void bit_chart_svg_print(FILE *f, const struct bit_chart *chart, int width, int height);

/** What a line of a legend begins with, as an <svg> element of 28 by 10: the line of a hue's curves. */
void bit_chart_svg_key(FILE *f, unsigned hue);
/** And that of the vertical lines. */
void bit_chart_svg_key_of_marks(FILE *f);

#define BIT_CHART_COLOURS 8
/** 0xRRGGBB of a hue, for what a page says beside the chart. */
uint32_t bit_chart_colour(unsigned hue);
/** Of texts and axes. */
#define BIT_CHART_GREY 0x767676u
/** A text as XML has it, between tags or quotes; what XML cannot hold is shown as an escape. */
void bit_chart_xml_text(FILE *f, const char *text);

#endif
