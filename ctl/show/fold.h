/* Lines that fit a terminal: cut, or folded between words, instead of wrapped where the last column happens to be. */
#ifndef BIT_CTL_FOLD_H
#define BIT_CTL_FOLD_H

#include <stddef.h>
#include <stdio.h>

/**
 * Print a text in lines of at most so many characters. A longer one is broken at spaces; what goes on is indented as
 * the line is, or stands under what follows its first gap, as the value of "name    value".
 */
void bit_fold_text(FILE *f, const char *text, int columns);
/** Every line of a text cut to so many characters, and so many lines of it; the last has no newline. */
void bit_fold_cut(FILE *f, const char *text, int columns, int rows);
/** Words in lines of so many columns, which begin `indent` columns to the right; the first goes on at column `at`. */
void bit_fold_wrapped(FILE *f, const char *text, int at, int indent, int columns);
/** How wide a page of help is: as the terminal that stdout is, at most 104; 104 where it is none. */
#define BIT_FOLD_PAGE 104
int bit_fold_page_columns(void);
/**
 * Paragraphs, whose lines are about as long as BIT_FOLD_PAGE, in lines of so many columns: as they are where that is
 * BIT_FOLD_PAGE, else put together again. A line that begins with a space is one of its own.
 */
void bit_fold_paragraphs(FILE *f, const char *text, int columns);
/** From now on what is printed to stdout is folded, where that is a terminal. bit_fold_end is due at the end. */
void bit_fold_stdout(void);
/** Print what is held of an unfinished line. */
void bit_fold_end(void);

#endif
