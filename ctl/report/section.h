/* The parts of a section of a report: heading, paragraphs, tables, lists of names and values. */
#ifndef BIT_CTL_SECTION_H
#define BIT_CTL_SECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/report/html.h"
#include "ctl/report/run_past.h"

/* Maximum rows of a table. Of more, the first and the last are shown, and the number left out is printed. */
#define BIT_SECTION_ROWS_MAX 240

/* Sections of one run. */
#define BIT_SECTIONS_MAX 16

struct bit_page_section {
    struct bit_html *h;
    const struct bit_run_past *run; /* NULL: the section is on all runs */
    int level;                      /* of its heading: 2 or 3 */
    const char *kinds;              /* for each column of the table: l left, n number, s sentences */
    size_t column;                  /* the next one */
    const char *id[BIT_SECTIONS_MAX], *title[BIT_SECTIONS_MAX]; /* of the sections so far */
    size_t count;
};

/** "r7-ID": the anchor of a section, for links. */
#define BIT_SECTION_ANCHOR 128
char *bit_section_anchor(const struct bit_page_section *s, const char *id, char out[BIT_SECTION_ANCHOR]);

/** Begin a <section> with a heading that links to itself; both texts are our own literals. */
void bit_section_begin(struct bit_page_section *s, const char *id, const char *title);
void bit_section_end(struct bit_page_section *s);
void bit_section_paragraph(struct bit_page_section *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** A list of names and values: begin, any number of facts, end. */
void bit_section_facts_begin(struct bit_page_section *s);
void bit_section_fact(struct bit_page_section *s, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void bit_section_facts_end(struct bit_page_section *s);

/**
 * Begin a table with these columns (ended by NULL); kinds has a letter for each. A table that is too wide scrolls; on
 * a narrow screen, a table with sentences is laid out as paragraphs.
 */
void bit_section_table_begin(struct bit_page_section *s, const char *label, const char *const *columns,
                             const char *kinds);
void bit_section_row_begin(struct bit_page_section *s, bool bad);
void bit_section_cell(struct bit_page_section *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** A cell with a time. */
void bit_section_time_cell(struct bit_page_section *s, uint64_t time_ns);
void bit_section_row_end(struct bit_page_section *s);
void bit_section_table_end(struct bit_page_section *s);

/** Whether row i of `count` is shown. Prints a row with the number left out where the gap begins. */
bool bit_section_row_fits(struct bit_page_section *s, size_t i, size_t count);

/** "2026-11-30 07:27:16" in UTC, which a report uses for all times. */
#define BIT_SECTION_TIME 32
char *bit_section_time_text(uint64_t time_ns, char out[BIT_SECTION_TIME]);

#endif
