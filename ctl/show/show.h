/*
 * All output of bitctl goes through these functions, which make text from outside (names, paths, causes, documents,
 * logs) harmless to a terminal.
 */
#ifndef BIT_CTL_SHOW_H
#define BIT_CTL_SHOW_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

/**
 * fprintf, but every %s and %c is escaped by proto/escape.h, newlines and tabs too; the format itself is not. A width
 * counts characters as printed; a precision counts bytes, as in C, and never cuts a character. Takes d i u x X c s f e
 * g and %, with h, l, z and j; asserts on others.
 */
void bit_show(FILE *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void bit_vshow(FILE *f, const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));

/* A character that may continue in the next piece of a stream. Zero at first. */
struct bit_show_held {
    char byte[4];
    size_t bytes;
};
/** A piece of a longer text, escaped except for newlines and tabs. */
void bit_show_piece(FILE *f, struct bit_show_held *held, const char *text, size_t bytes);
/** After the last piece: prints what is still held. */
void bit_show_piece_end(FILE *f, struct bit_show_held *held);
/** A whole text, escaped likewise, and a newline. */
void bit_show_lines(FILE *f, const char *text);

/**
 * Without escaping: for output of bit_show, for JSON and specifications that proto printed, and for raw bytes that the
 * user asked for.
 */
void bit_show_raw(FILE *f, const void *bytes, size_t count);

#endif
