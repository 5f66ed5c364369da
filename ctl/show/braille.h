/* Braille characters as a raster: each is 2 dots wide and 4 high. */
#ifndef BIT_CTL_BRAILLE_H
#define BIT_CTL_BRAILLE_H

#include <stdint.h>

#define BIT_BRAILLE_X 2
#define BIT_BRAILLE_Y 4

/** The bit that the raster's dot (x, y), x from the left and y from the top, has in its character. */
uint8_t bit_braille_dot(int x, int y);
/** The character with these dots in UTF-8, a space if there are none; returns `out` or a static string. */
const char *bit_braille_text(uint8_t dots, char out[4]);
/**
 * Calls dot() for each dot of a line from (x0, y0) to (x1, y1), x1 >= x0. Every column gets one; where the line is
 * steep, columns are filled, so that a spike is drawn whole.
 */
void bit_braille_line(int x0, int y0, int x1, int y1, void (*dot)(void *arg, int x, int y), void *arg);

#endif
