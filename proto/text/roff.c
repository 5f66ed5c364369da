#include "proto/text/roff.h"

#include <ctype.h>
#include <stdbool.h>

#include "config.h"

/* Escapes a character: a dot or quote at a line's start would begin a request, a backslash an escape, and a bare hyphen
 * would be printed as a typographic one. */
static void put(FILE *f, char c, bool line_start)
{
    if (line_start && (c == '.' || c == '\''))
        fputs("\\&", f);
    if (c == '\\')
        fputs("\\e", f);
    else if (c == '-')
        fputs("\\-", f);
    else if (c == '^')
        fputs("\\(ha", f);
    else if (c == '~')
        fputs("\\(ti", f);
    else if (c == '`')
        fputs("\\(ga", f);
    else if (c == '\'')
        fputs("\\(aq", f);
    else
        fputc(c, f);
}

/* Without a newline at the end. */
static void put_text(FILE *f, const char *text, bool paragraphs)
{
    bool line_start = true;

    for (; *text != '\0'; text++) {
        if (paragraphs && text[0] == '\n' && text[1] == '\n') {
            fputs("\n.PP\n", f);
            text++;
            line_start = true;
            continue;
        }
        if (paragraphs && line_start && *text == ' ') /* a leading space would break the line */
            continue;
        put(f, *text, line_start);
        line_start = *text == '\n';
    }
}

void bit_roff_text(FILE *f, const char *text)
{
    put_text(f, text, true);
    fputc('\n', f);
}

void bit_roff_lines(FILE *f, const char *text)
{
    fputs(".nf\n", f);
    put_text(f, text, false);
    fputs("\n.fi\n", f);
}

void bit_roff_item(FILE *f, const char *word, const char *text)
{
    fputs(".TP\n\\fB", f);
    put_text(f, word, false);
    fputs("\\fR\n", f);
    bit_roff_text(f, text);
}

void bit_roff_line(FILE *f, const char *text)
{
    fputs(".br\n", f);
    bit_roff_text(f, text);
}

static void put_title(FILE *f, const char *request, const char *title)
{
    fprintf(f, ".%s ", request);
    put_text(f, title, false);
    fputc('\n', f);
}

void bit_roff_section(FILE *f, const char *title)
{
    put_title(f, "SH", title);
}

void bit_roff_subsection(FILE *f, const char *title)
{
    put_title(f, "SS", title);
}

void bit_roff_head(FILE *f, const char *name, int section, const char *summary)
{
    fputs(".TH \"", f);
    for (const char *c = name; *c != '\0'; c++)
        put(f, (char)toupper((unsigned char)*c), false);
    fprintf(f, "\" %d \"\" \"bitd %s\" \"bitd\"\n", section, BIT_VERSION);
    fputs(".nh\n.ad l\n", f); /* no hyphenation: options and paths must not be split */
    bit_roff_section(f, "NAME");
    put_text(f, name, false);
    fputs(" \\- ", f);
    bit_roff_text(f, summary);
}

void bit_roff_see_also(FILE *f, const char *pages)
{
    bit_roff_section(f, "SEE ALSO");
    bit_roff_text(f, pages);
}
