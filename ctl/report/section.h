/* The frame of a report's section: heading, tables, lists of what is known. */
#ifndef BIT_CTL_SECTION_H
#define BIT_CTL_SECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/report/html.h"
#include "ctl/report/run_past.h"

/* Rows of a table; of more, the first and the last are shown, and it is said how many are not. */
#define BIT_SECTION_ROWS_MAX 240

/* Sections of one run. */
#define BIT_SECTIONS_MAX 16

struct bit_page_section {
    struct bit_html *h;
    const struct bit_run_past *run; /* whose it is; NULL: of all runs */
    int level;                      /* of its heading: 2 or 3 */
    const char *kinds;              /* of the table's columns: l left, n number, s sentences */
    size_t column;                  /* that comes next */
    const char *id[BIT_SECTIONS_MAX], *title[BIT_SECTIONS_MAX]; /* of those that were begun */
    size_t count;
};

/** "r7-ID": what links to a section name. */
#define BIT_SECTION_ANCHOR 128
char *bit_section_anchor(const struct bit_page_section *s, const char *id, char out[BIT_SECTION_ANCHOR]);

/** <section> with its heading, which links to itself; both texts are our literals. */
void bit_section_begin(struct bit_page_section *s, const char *id, const char *title);
void bit_section_end(struct bit_page_section *s);
void bit_section_paragraph(struct bit_page_section *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** A list of names and values, then one after the other. */
void bit_section_facts_begin(struct bit_page_section *s);
void bit_section_fact(struct bit_page_section *s, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void bit_section_facts_end(struct bit_page_section *s);

/**
 * A table of these columns (ended by NULL); kinds has a letter for each. It scrolls by itself where it is too wide; one
 * with sentences in it stands as paragraphs on a narrow screen.
 */
void bit_section_table_begin(struct bit_page_section *s, const char *label, const char *const *columns,
                             const char *kinds);
void bit_section_row_begin(struct bit_page_section *s, bool bad);
void bit_section_cell(struct bit_page_section *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** A point in time. */
void bit_section_time_cell(struct bit_page_section *s, uint64_t time_ns);
void bit_section_row_end(struct bit_page_section *s);
void bit_section_table_end(struct bit_page_section *s);

/** Of `count` rows, whether the i-th is shown. A row that says how many are not is made where the gap begins. */
bool bit_section_row_fits(struct bit_page_section *s, size_t i, size_t count);

/** "2026-11-30 07:27:16" in UTC, in which all times of a report are. */
#define BIT_SECTION_TIME 32
char *bit_section_time_text(uint64_t time_ns, char out[BIT_SECTION_TIME]);

#endif
