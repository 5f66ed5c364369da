/* Fits lines into a terminal's columns: cuts them, or folds them between words. */
#ifndef BIT_CTL_FOLD_H
#define BIT_CTL_FOLD_H

#include <stddef.h>
#include <stdio.h>

/**
 * Print a text in lines of at most `columns` characters. A longer line is broken at spaces. Its further lines are
 * indented like the line, or like the value in "name    value".
 */
void bit_fold_text(FILE *f, const char *text, int columns);
/** bit_show; if f is a terminal, folded like that to its width. */
void bit_fold_show(FILE *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Cut every line of a text to `columns` characters, and the text to `rows` lines; the last has no newline. */
void bit_fold_cut(FILE *f, const char *text, int columns, int rows);
/** Print words in lines of `columns` columns, indented by `indent`; the first line continues at column `at`. */
void bit_fold_wrapped(FILE *f, const char *text, int at, int indent, int columns);
/** The width of a page of help: the terminal's on stdout, at most 104; 104 if it is no terminal. */
#define BIT_FOLD_PAGE 104
int bit_fold_page_columns(void);
/**
 * Print paragraphs in lines of `columns` columns. Their lines are written for BIT_FOLD_PAGE columns: they are printed
 * unchanged for that width or more, and refilled for less. A line that begins with a space is a paragraph of its own.
 */
void bit_fold_paragraphs(FILE *f, const char *text, int columns);
/** Fold everything printed to stdout from now on, if it is a terminal. Call bit_fold_end at the end. */
void bit_fold_stdout(void);
/** Print an unfinished line that is still held. */
void bit_fold_end(void);

#endif
