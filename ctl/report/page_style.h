/* The style sheet of a report: light and dark, wide and narrow, printed. It refers to no font, picture or file. */
#ifndef BIT_CTL_PAGE_STYLE_H
#define BIT_CTL_PAGE_STYLE_H

/** Contains no character that is markup in XML. */
extern const char bit_page_style[];

#endif
