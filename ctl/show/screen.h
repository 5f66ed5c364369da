/* The terminal as a screen of ours: a page that is drawn again and again, and left with a key. */
#ifndef BIT_CTL_SCREEN_H
#define BIT_CTL_SCREEN_H

#include <stdbool.h>
#include <stdio.h>
#include <termios.h>

struct bit_screen {
    bool on;
    struct termios saved;
};

/** Take it, if stdout and stdin are a terminal; false if they are not. SIGINT and SIGTERM only end the wait then. */
bool bit_screen_enter(struct bit_screen *s);
/** Give it back as it was: what is said afterwards stays to be read. */
void bit_screen_leave(struct bit_screen *s);
/**
 * Write a page at once, so that nobody sees half of it: `print` writes at most so many columns and rows. On a screen it
 * replaces the last one, with `last` in the last row.
 */
void bit_screen_draw(const struct bit_screen *s, void (*print)(FILE *f, void *arg, int columns, int rows), void *arg,
                     const char *last);
/** Wait for `ms`; true if a key that leaves was pressed, or a signal came. */
bool bit_screen_wait(const struct bit_screen *s, int ms);

#endif
