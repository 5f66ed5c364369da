/* The one way to a terminal: whatever a text from outside says (names, paths, causes, documents, logs), it is only
 * shown. */
#ifndef BIT_CTL_SHOW_H
#define BIT_CTL_SHOW_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

/**
 * fprintf in which every %s and %c is made harmless by proto/escape.h, newlines and tabs too; the format itself is ours
 * and passes. A width counts characters as shown; a precision counts bytes, as C's does, and never cuts inside a
 * character. Takes d i u x X c s f e g and %, with h, l, z and j; asserts on what it does not know.
 */
void bit_show(FILE *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void bit_vshow(FILE *f, const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));

/* What may be the beginning of a character, between two pieces of a stream. Zero at first. */
struct bit_show_held {
    char byte[4];
    size_t bytes;
};
/** A piece of a longer text: newlines and tabs pass, nothing else of what escape.h names. */
void bit_show_piece(FILE *f, struct bit_show_held *held, const char *text, size_t bytes);
/** After the last piece: shows what is still held. */
void bit_show_piece_end(FILE *f, struct bit_show_held *held);
/** The whole of such a text, and a newline. */
void bit_show_lines(FILE *f, const char *text);

/** As it is: for what bit_show made before, for JSON and specifications printed by proto, and where raw bytes were
 * asked for. */
void bit_show_raw(FILE *f, const void *bytes, size_t count);

#endif
