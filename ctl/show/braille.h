/* Braille characters as a raster: each is 2 dots wide and 4 high. */
#ifndef BIT_CTL_BRAILLE_H
#define BIT_CTL_BRAILLE_H

#include <stdint.h>

#define BIT_BRAILLE_X 2
#define BIT_BRAILLE_Y 4

/** The bit of a character's dot, x from the left and y from the top, of the raster's dot (x, y). */
uint8_t bit_braille_dot(int x, int y);
/** The character of these dots in UTF-8, a space where there are none; `out` is returned. */
const char *bit_braille_text(uint8_t dots, char out[4]);
/**
 * The dots of a line from (x0, y0) to (x1, y1), x1 >= x0, one after another: every column has one, and a steep one is
 * filled, so that a spike is seen whole.
 */
void bit_braille_line(int x0, int y0, int x1, int y1, void (*dot)(void *arg, int x, int y), void *arg);

#endif
