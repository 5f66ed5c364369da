/* Writes manual pages in roff's man macros, from the texts that the programs also print as help. */
#ifndef BIT_PROTO_ROFF_H
#define BIT_PROTO_ROFF_H

#include <stdio.h>

/** The title line and the section NAME. */
void bit_roff_head(FILE *f, const char *name, int section, const char *summary);
void bit_roff_section(FILE *f, const char *title);
void bit_roff_subsection(FILE *f, const char *title);
/** Paragraphs, separated by blank lines; lines are filled. */
void bit_roff_text(FILE *f, const char *text);
/** Lines without filling; empty ones are kept. */
void bit_roff_lines(FILE *f, const char *text);
/** A word in bold, with its meaning indented below it. */
void bit_roff_item(FILE *f, const char *word, const char *text);
/** A text on a line of its own. */
void bit_roff_line(FILE *f, const char *text);
/** "bitctl (1), bitd (8)" */
void bit_roff_see_also(FILE *f, const char *pages);

#endif
