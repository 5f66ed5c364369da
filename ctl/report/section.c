#include "ctl/report/section.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/show/show.h"
#include "proto/check.h"

static const char *heading(const struct bit_page_section *s)
{
    return s->level == 2 ? "h2" : "h3";
}

char *bit_section_anchor(const struct bit_page_section *s, const char *id, char out[BIT_SECTION_ANCHOR])
{
    snprintf(out, BIT_SECTION_ANCHOR, "%s%s%s", s->run != NULL ? s->run->status->run : "", s->run != NULL ? "-" : "",
             id);
    return out;
}

void bit_section_begin(struct bit_page_section *s, const char *id, const char *title)
{
    char anchor[BIT_SECTION_ANCHOR];

    BIT_ASSERT(s->count < BIT_SECTIONS_MAX);
    s->id[s->count] = id;
    s->title[s->count++] = title;
    bit_section_anchor(s, id, anchor);
    bit_html_begin(s->h, "section");
    bit_html_attribute(s->h, "id", "%s", anchor);
    bit_html_begin(s->h, heading(s));
    bit_html_begin(s->h, "a");
    bit_html_attribute(s->h, "href", "#%s", anchor);
    bit_html_text(s->h, "%s", title);
    bit_html_end(s->h, "a");
    bit_html_end(s->h, heading(s));
}

void bit_section_end(struct bit_page_section *s)
{
    bit_html_end(s->h, "section");
}

/* The formatted text, heap. NULL if memory ran out; then s->h->err is set. */
__attribute__((format(printf, 2, 0))) static char *text_of(struct bit_page_section *s, const char *fmt, va_list args)
{
    char *text = NULL;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);

    if (f != NULL)
        bit_vshow(f, fmt, args);
    if (f != NULL && fclose(f) == 0)
        return text;
    free(text);
    s->h->err = -ENOMEM;
    return NULL;
}

__attribute__((format(printf, 4, 0))) static void put_element(struct bit_page_section *s, const char *element,
                                                              const char *of, const char *fmt, va_list args)
{
    char *text = text_of(s, fmt, args);

    bit_html_begin(s->h, element);
    if (of != NULL)
        bit_html_attribute(s->h, "class", "%s", of);
    bit_html_text(s->h, "%s", text != NULL ? text : "");
    bit_html_end(s->h, element);
    free(text);
}

void bit_section_paragraph(struct bit_page_section *s, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    put_element(s, "p", NULL, fmt, args);
    va_end(args);
}

/* ---- names and values */

void bit_section_facts_begin(struct bit_page_section *s)
{
    bit_html_begin(s->h, "dl");
}

void bit_section_fact(struct bit_page_section *s, const char *name, const char *fmt, ...)
{
    va_list args;

    bit_html_begin(s->h, "div");
    bit_html_element(s->h, "dt", "%s", name);
    va_start(args, fmt);
    put_element(s, "dd", NULL, fmt, args);
    va_end(args);
    bit_html_end(s->h, "div");
}

void bit_section_facts_end(struct bit_page_section *s)
{
    bit_html_end(s->h, "dl");
}

/* ---- tables */

static const char *class_of(const struct bit_page_section *s, size_t column)
{
    return s->kinds[column] == 'n' ? "n" : s->kinds[column] == 's' ? "s" : NULL;
}

void bit_section_table_begin(struct bit_page_section *s, const char *label, const char *const *columns,
                             const char *kinds)
{
    s->kinds = kinds;
    bit_html_begin(s->h, "div"); /* scrolls; the tabindex makes it reachable by the keyboard */
    bit_html_attribute(s->h, "class", "wide");
    bit_html_attribute(s->h, "role", "region");
    bit_html_attribute(s->h, "tabindex", "0");
    bit_html_attribute(s->h, "aria-label", "%s", label);
    bit_html_begin(s->h, "table");
    if (strchr(kinds, 's') != NULL)
        bit_html_attribute(s->h, "class", "log");
    bit_html_begin(s->h, "thead");
    bit_html_begin(s->h, "tr");
    for (size_t i = 0; columns[i] != NULL; i++) {
        bit_html_begin(s->h, "th");
        bit_html_attribute(s->h, "scope", "col");
        if (class_of(s, i) != NULL)
            bit_html_attribute(s->h, "class", "%s", class_of(s, i));
        bit_html_text(s->h, "%s", columns[i]);
        bit_html_end(s->h, "th");
    }
    bit_html_end(s->h, "tr");
    bit_html_end(s->h, "thead");
    bit_html_begin(s->h, "tbody");
}

void bit_section_row_begin(struct bit_page_section *s, bool bad)
{
    s->column = 0;
    bit_html_begin(s->h, "tr");
    if (bad)
        bit_html_attribute(s->h, "class", "bad");
}

void bit_section_cell(struct bit_page_section *s, const char *fmt, ...)
{
    va_list args;

    BIT_ASSERT(s->column < strlen(s->kinds));
    va_start(args, fmt);
    put_element(s, "td", class_of(s, s->column++), fmt, args);
    va_end(args);
}

void bit_section_time_cell(struct bit_page_section *s, uint64_t time_ns)
{
    char text[BIT_SECTION_TIME];

    BIT_ASSERT(s->column < strlen(s->kinds));
    s->column++;
    bit_html_classed(s->h, "td", "t", "%s", bit_section_time_text(time_ns, text));
}

void bit_section_row_end(struct bit_page_section *s)
{
    BIT_ASSERT(s->column == strlen(s->kinds));
    bit_html_end(s->h, "tr");
}

void bit_section_table_end(struct bit_page_section *s)
{
    bit_html_end(s->h, "tbody");
    bit_html_end(s->h, "table");
    bit_html_end(s->h, "div");
}

bool bit_section_row_fits(struct bit_page_section *s, size_t i, size_t count)
{
    const size_t half = BIT_SECTION_ROWS_MAX / 2;

    if (count <= BIT_SECTION_ROWS_MAX || i < half || i >= count - half)
        return true;
    if (i == half) {
        bit_html_begin(s->h, "tr");
        bit_html_begin(s->h, "td");
        bit_html_attribute(s->h, "colspan", "%zu", strlen(s->kinds));
        bit_html_text(s->h, "%zu more are not shown here", count - 2 * half);
        bit_html_end(s->h, "td");
        bit_html_end(s->h, "tr");
    }
    return false;
}

/* ---- time */

char *bit_section_time_text(uint64_t time_ns, char out[BIT_SECTION_TIME])
{
    const time_t seconds = (time_t)(time_ns / 1000000000u);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(out, BIT_SECTION_TIME, "%Y-%m-%d %H:%M:%S", &tm);
    return out;
}
