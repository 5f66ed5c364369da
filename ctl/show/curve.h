/* Draws a loss curve in the terminal, with the switch marked. */
#ifndef BIT_CTL_CURVE_H
#define BIT_CTL_CURVE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct bit_loss_point {
    uint64_t step;
    double loss;
};

/**
 * Draw loss over step in braille dots, columns x rows characters without the axes. switch_after is the last 16-bit
 * step, or UINT64_MAX for none; it becomes a vertical line. Points are in order of step; those in one column of dots
 * are drawn from the lowest to the highest. NaN is left out.
 */
void bit_curve_draw(FILE *f, const struct bit_loss_point *points, size_t count, uint64_t switch_after, int columns,
                    int rows);

#endif
