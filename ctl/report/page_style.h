/* How a report looks: light and dark, wide and narrow, on paper. It names no font, picture or file. */
#ifndef BIT_CTL_PAGE_STYLE_H
#define BIT_CTL_PAGE_STYLE_H

/** A style sheet; it has no character that XML would take for markup. */
extern const char bit_page_style[];

#endif
