/* A full-screen page on the terminal, which is redrawn until a key ends it. */
#ifndef BIT_CTL_SCREEN_H
#define BIT_CTL_SCREEN_H

#include <stdbool.h>
#include <stdio.h>
#include <termios.h>

struct bit_screen {
    bool on;
    struct termios saved;
};

/**
 * Take over the terminal; false if stdout or stdin is none. From then on SIGINT and SIGTERM only end bit_screen_wait.
 */
bool bit_screen_enter(struct bit_screen *s);
/** Restore the terminal; what is printed afterwards stays. */
void bit_screen_leave(struct bit_screen *s);
/**
 * Write a page with one write, so that it never appears in part: `print` writes at most so many columns and rows. On a
 * screen it replaces the last page, with `last` in the bottom row.
 */
void bit_screen_draw(const struct bit_screen *s, void (*print)(FILE *f, void *arg, int columns, int rows), void *arg,
                     const char *last);
/** Wait for `ms`; true if q or Esc was pressed, or a signal came. */
bool bit_screen_wait(const struct bit_screen *s, int ms);

#endif
