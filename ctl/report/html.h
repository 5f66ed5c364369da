/*
 * Writes HTML in which every text is escaped and every element is closed, so that the text of a run's name, note or
 * path cannot become markup. The result is well-formed XML too, so that a strict parser can check it.
 */
#ifndef BIT_CTL_HTML_H
#define BIT_CTL_HTML_H

#include <stdbool.h>
#include <stdio.h>

#define BIT_HTML_DEPTH_MAX 32

struct bit_html {
    FILE *f;                               /* borrowed */
    const char *begun[BIT_HTML_DEPTH_MAX]; /* open elements, the outermost first */
    int depth;
    bool in_tag; /* the innermost start tag is open; attributes may follow */
    int err;     /* the first error */
};

/** For a whole document, or for a part that bit_html_markup inserts into one. */
void bit_html_init(struct bit_html *h, FILE *f);
/** All elements must be closed. Errors: -ENOMEM */
int bit_html_finish(struct bit_html *h);

/** "<p"; the names of elements and attributes are our own literals, which is asserted. */
void bit_html_begin(struct bit_html *h, const char *element);
/** Add to the last start tag, before the element has content. Formats are bit_show's (ctl/show/show.h). */
void bit_html_attribute(struct bit_html *h, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/** "</p>"; element must be the innermost open one. br, meta and wbr end with "/>". */
void bit_html_end(struct bit_html *h, const char *element);

/** Newlines in formatted values are escaped, as by bit_show. */
void bit_html_text(struct bit_html *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** A text of several lines, for <pre>. */
void bit_html_lines(struct bit_html *h, const char *text);
/** An element whose only content is a text. */
void bit_html_element(struct bit_html *h, const char *element, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/** The same with class="of". */
void bit_html_classed(struct bit_html *h, const char *element, const char *of, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/** Markup, inserted unescaped: our own literals, and charts, which escape their texts themselves. */
void bit_html_markup(struct bit_html *h, const char *markup);

#endif
