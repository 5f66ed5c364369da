#include "ctl/show/fold.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "proto/check.h"

/* Bytes of the first `columns` characters of a line. A character counts as one column. */
static size_t bytes_of(const char *line, size_t bytes, int columns)
{
    size_t at = 0;

    for (int c = 0; at < bytes; at++) {
        const bool begins = ((unsigned char)line[at] & 0xc0) != 0x80; /* a UTF-8 character */
        if (begins && c++ == columns)
            break;
    }
    return at;
}

void bit_fold_cut(FILE *f, const char *text, int columns, int rows)
{
    for (int row = 0; row < rows && *text != '\0'; row++) {
        const size_t bytes = strcspn(text, "\n");
        if (row > 0)
            fputc('\n', f);
        bit_show_raw(f, text, bytes_of(text, bytes, columns));
        text += bytes + (text[bytes] == '\n');
    }
}

/* ---- between words */

/*
 * The column for further lines: that of the line's indent, or of the value in "name    value", if at least half of the
 * line is left; else 2.
 */
static int indent_of(const char *line, size_t bytes, int columns)
{
    size_t at = 0;

    while (at < bytes && line[at] == ' ')
        at++;
    if (at <= 2) {
        while (at + 1 < bytes && !(line[at] == ' ' && line[at + 1] == ' '))
            at++;
        while (at < bytes && line[at] == ' ')
            at++;
    }
    return at < bytes && (int)at <= columns / 2 ? (int)at : BIT_MIN(2, columns / 2);
}

/* Bytes that fit, up to the last space before the edge; a word longer than the line is broken at the edge. */
static size_t piece_of(const char *line, size_t bytes, int columns)
{
    size_t fits = bytes_of(line, bytes, columns), at = fits;

    if (fits == bytes)
        return bytes;
    while (at > 0 && line[at] != ' ')
        at--;
    while (at > 0 && line[at - 1] == ' ')
        at--;
    return at > 0 ? at : fits;
}

static void fold_line(FILE *f, const char *line, size_t bytes, int columns)
{
    const int indent = indent_of(line, bytes, columns);
    size_t piece = piece_of(line, bytes, columns);

    bit_show_raw(f, line, piece);
    fputc('\n', f);
    for (line += piece, bytes -= piece; bytes > 0; line += piece, bytes -= piece) {
        while (bytes > 0 && *line == ' ') {
            line++;
            bytes--;
        }
        if (bytes == 0)
            return;
        piece = piece_of(line, bytes, columns - indent);
        bit_show(f, "%*s", indent, "");
        bit_show_raw(f, line, piece);
        fputc('\n', f);
    }
}

void bit_fold_text(FILE *f, const char *text, int columns)
{
    while (*text != '\0') {
        const size_t bytes = strcspn(text, "\n");
        fold_line(f, text, bytes, columns);
        text += bytes + (text[bytes] == '\n');
    }
}

void bit_fold_show(FILE *f, const char *fmt, ...)
{
    char *text = NULL;
    size_t bytes;
    FILE *held = bit_terminal(f) ? open_memstream(&text, &bytes) : NULL;
    va_list args;

    va_start(args, fmt);
    bit_vshow(held != NULL ? held : f, fmt, args);
    va_end(args);
    if (held == NULL || fclose(held) != 0)
        return;
    bit_fold_text(f, text, bit_terminal_columns(f));
    free(text);
}

/* ---- standard output */

static struct {
    FILE *terminal; /* NULL: folding is off */
    char *held;     /* an unfinished line */
    size_t bytes, room;
} folded;

static bool hold(const char *text, size_t bytes)
{
    if (folded.held == NULL || folded.bytes + bytes > folded.room) {
        const size_t room = 2 * (folded.bytes + bytes) + 1; /* not 0 for an empty line */
        char *held = realloc(folded.held, room);
        if (held == NULL)
            return false;
        folded.held = held;
        folded.room = room;
    }
    memcpy(folded.held + folded.bytes, text, bytes);
    folded.bytes += bytes;
    return true;
}

static ssize_t take(void *cookie, const char *text, size_t bytes)
{
    int columns, rows;
    size_t at = 0;

    (void)cookie;
    bit_terminal_size(folded.terminal, &columns, &rows);
    while (at < bytes) {
        const char *newline = memchr(text + at, '\n', bytes - at);
        const size_t piece = newline != NULL ? (size_t)(newline - text) - at : bytes - at;
        if (!hold(text + at, piece))
            return 0;
        if (newline != NULL) {
            fold_line(folded.terminal, folded.held, folded.bytes, columns);
            folded.bytes = 0;
        }
        at += piece + (newline != NULL);
    }
    return fflush(folded.terminal) == 0 ? (ssize_t)bytes : 0;
}

void bit_fold_stdout(void)
{
    const cookie_io_functions_t io = {.write = take};
    FILE *f = bit_terminal(stdout) && folded.terminal == NULL ? fopencookie(NULL, "w", io) : NULL;

    if (f == NULL)
        return;
    setvbuf(f, NULL, _IOLBF, 0);
    folded.terminal = stdout;
    stdout = f;
}

void bit_fold_end(void)
{
    if (folded.terminal == NULL)
        return;
    fflush(stdout);
    if (folded.bytes > 0)
        bit_show_raw(folded.terminal, folded.held, folded.bytes);
    folded.bytes = 0;
}

void bit_fold_wrapped(FILE *f, const char *text, int at, int indent, int columns)
{
    while (*text != '\0') {
        const int bytes = (int)strcspn(text, " ");
        if (at + bytes > columns && at > indent) {
            bit_show(f, "\n%*s", indent, "");
            at = indent;
        }
        bit_show(f, "%.*s", bytes, text);
        at += bytes + 1;
        text += bytes;
        if (*text == ' ') {
            text++;
            if (at + (int)strcspn(text, " ") <= columns)
                fputc(' ', f);
        }
    }
    fputc('\n', f);
}

/* ---- pages of help */

int bit_fold_page_columns(void)
{
    const int columns = bit_terminal_columns(stdout);

    return columns > 0 ? BIT_MIN(columns, BIT_FOLD_PAGE) : BIT_FOLD_PAGE;
}

/* Length of a paragraph: up to an empty line, a line that begins with a space, or the end. */
static size_t paragraph_of(const char *text)
{
    size_t at = strcspn(text, "\n");

    while (text[at] == '\n' && text[at + 1] != '\0' && text[at + 1] != '\n' && text[at + 1] != ' ' && text[0] != ' ')
        at += 1 + strcspn(text + at + 1, "\n");
    return at;
}

static void put_paragraph(FILE *f, const char *text, size_t bytes, int columns)
{
    char *line = strndup(text, bytes);

    if (line == NULL)
        return;
    for (char *c = line; *c != '\0'; c++)
        if (*c == '\n')
            *c = ' ';
    if (line[0] == ' ')
        fold_line(f, line, bytes, columns);
    else
        bit_fold_wrapped(f, line, 0, 0, columns);
    free(line);
}

void bit_fold_paragraphs(FILE *f, const char *text, int columns)
{
    if (columns >= BIT_FOLD_PAGE) {
        bit_show_raw(f, text, strlen(text));
        return;
    }
    while (*text != '\0') {
        const size_t bytes = paragraph_of(text);
        put_paragraph(f, text, bytes, columns);
        text += bytes + (text[bytes] == '\n');
    }
}
