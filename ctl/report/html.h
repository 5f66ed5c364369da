/*
 * HTML in which every text is escaped and every element that was begun is ended: nothing that a run's name, a note or a
 * path says can become markup. It is well-formed XML, too, so that a strict parser can hold it to that.
 */
#ifndef BIT_CTL_HTML_H
#define BIT_CTL_HTML_H

#include <stdbool.h>
#include <stdio.h>

#define BIT_HTML_DEPTH_MAX 32

struct bit_html {
    FILE *f;                               /* borrowed */
    const char *begun[BIT_HTML_DEPTH_MAX]; /* elements that are not ended yet, the outermost first */
    int depth;
    bool in_tag; /* attributes of the innermost may follow */
    int err;     /* the first that was met */
};

/** Of a whole document, or of what bit_html_markup puts into one. */
void bit_html_init(struct bit_html *h, FILE *f);
/** Everything was ended, and there was memory for it. Errors: -ENOMEM */
int bit_html_finish(struct bit_html *h);

/** "<p"; names of elements and attributes are our own literals, which is asserted. */
void bit_html_begin(struct bit_html *h, const char *element);
/** Of the element that was begun last, before anything else is in it. Formats are bit_show's (ctl/show/show.h). */
void bit_html_attribute(struct bit_html *h, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/** "</p>"; it must be the innermost. Of br, meta and wbr "/>". */
void bit_html_end(struct bit_html *h, const char *element);

/** A text; newlines in what is formatted are escaped as by bit_show. */
void bit_html_text(struct bit_html *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** A text of several lines, for <pre>. */
void bit_html_lines(struct bit_html *h, const char *text);
/** An element with nothing but a text in it. */
void bit_html_element(struct bit_html *h, const char *element, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/** The same with class="of". */
void bit_html_classed(struct bit_html *h, const char *element, const char *of, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/** Markup as it is: our own literals, and charts, which escape their texts themselves. */
void bit_html_markup(struct bit_html *h, const char *markup);

#endif
