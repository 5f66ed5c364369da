/* Manual pages, in roff's man macros, of texts that the programs print as their help, too. */
#ifndef BIT_PROTO_ROFF_H
#define BIT_PROTO_ROFF_H

#include <stdio.h>

/** The title line and the section NAME. */
void bit_roff_head(FILE *f, const char *name, int section, const char *summary);
void bit_roff_section(FILE *f, const char *title);
void bit_roff_subsection(FILE *f, const char *title);
/** Paragraphs, parted by a blank line; lines are filled. */
void bit_roff_text(FILE *f, const char *text);
/** Lines that stay as they are, empty ones too. */
void bit_roff_lines(FILE *f, const char *text);
/** A word in bold, and below it, indented, what it means. */
void bit_roff_item(FILE *f, const char *word, const char *text);
/** On a line of its own, below what was printed last. */
void bit_roff_line(FILE *f, const char *text);
/** "bitctl (1), bitd (8)" */
void bit_roff_see_also(FILE *f, const char *pages);

#endif
