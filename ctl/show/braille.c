#include "ctl/show/braille.h"

#include <math.h>

#include "proto/check.h"

uint8_t bit_braille_dot(int x, int y)
{
    /* bit order of the block U+2800 */
    static const uint8_t bits[BIT_BRAILLE_Y][BIT_BRAILLE_X] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};

    return bits[y % BIT_BRAILLE_Y][x % BIT_BRAILLE_X];
}

const char *bit_braille_text(uint8_t dots, char out[4])
{
    if (dots == 0)
        return " ";
    out[0] = (char)0xe2;
    out[1] = (char)(0xa0 | (dots >> 6));
    out[2] = (char)(0x80 | (dots & 0x3f));
    out[3] = '\0';
    return out;
}

void bit_braille_line(int x0, int y0, int x1, int y1, void (*dot)(void *arg, int x, int y), void *arg)
{
    int last = y0;

    for (int x = x0; x <= x1; x++) {
        int y = x1 > x0 ? y0 + (int)lround((double)(y1 - y0) * (x - x0) / (x1 - x0)) : y1;
        for (int v = BIT_MIN(last, y); v <= BIT_MAX(last, y); v++)
            dot(arg, x, v);
        last = y;
    }
}
