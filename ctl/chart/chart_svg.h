/* Prints a chart as SVG, for a file of its own or inside a page. */
#ifndef BIT_CTL_CHART_SVG_H
#define BIT_CTL_CHART_SVG_H

#include <stdint.h>
#include <stdio.h>

#include "ctl/chart/chart.h"

/**
 * Print one <svg> element of width by height (at least 320 by 200); the legend's lines are added below that height.
 * The element refers to nothing else and has no script, style sheet or id, so that one page may contain several of
 * them. Its background is transparent, and all its colours are readable on white and on nearly black. Curves differ in
 * colour and, from the ninth hue on, in dashes too; bands are drawn for points that have them. Points less than half a
 * pixel apart are drawn as one stroke from the lowest to the highest.
 */
void bit_chart_svg_print(FILE *f, const struct bit_chart *chart, int width, int height);

/** The sample of a hue's curves that precedes its legend entry, as an <svg> element of 28 by 10. */
void bit_chart_svg_key(FILE *f, unsigned hue);
/** The same for the vertical lines. */
void bit_chart_svg_key_of_marks(FILE *f);

#define BIT_CHART_COLOURS 8
/** 0xRRGGBB of a hue, for use in the page around the chart. */
uint32_t bit_chart_colour(unsigned hue);
/** For texts and axes. */
#define BIT_CHART_GREY 0x767676u
/** Print a text escaped for XML, between tags or quotes. Characters that XML does not allow are shown as escapes. */
void bit_chart_xml_text(FILE *f, const char *text);

#endif
