/* Places round numbers along an axis. Pure. */
#ifndef BIT_CTL_TICKS_H
#define BIT_CTL_TICKS_H

#define BIT_TICKS_MAX 24
#define BIT_TICK_TEXT 16

struct bit_ticks {
    double at[BIT_TICKS_MAX]; /* ascending, low <= at <= high */
    char text[BIT_TICKS_MAX][BIT_TICK_TEXT];
    int count;
};

/**
 * At most `most` (1 to BIT_TICKS_MAX) multiples of 1, 2 or 5 times a power of ten, as dense as that allows; low <
 * high, both finite. Texts have just enough digits to differ: "0", "2.5", "40k", "1.5M", "5e-05".
 */
void bit_ticks_round(double low, double high, int most, struct bit_ticks *out);
/**
 * For a logarithmic axis, 0 < low: 1, 2 and 5 times the powers of ten. If these are too many, only the powers of ten,
 * or every second of them, and so on. If they are fewer than three, round numbers as on a linear axis.
 */
void bit_ticks_log(double low, double high, int most, struct bit_ticks *out);

#endif
