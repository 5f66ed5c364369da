#include "ctl/report/html.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/show/show.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/utf8.h"

/* ---- escaping */

static void put(struct bit_html *h, const char *text)
{
    bit_show_raw(h->f, text, strlen(text));
}

static const char *entity_of(char c)
{
    switch (c) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* Code points that no document may contain, even as an entity. */
static bool is_no_character(uint32_t code)
{
    return (code & 0xfffe) == 0xfffe || (code >= 0xfdd0 && code <= 0xfdef);
}

/* Escape a text made by bit_show, which is UTF-8 without control characters. */
static void put_escaped(struct bit_html *h, const char *text, size_t bytes)
{
    uint32_t code;

    for (size_t i = 0, used; i < bytes; i += used) {
        used = bit_utf8_decode(text + i, bytes - i, &code);
        BIT_ASSERT(used > 0);
        const char *entity = used == 1 ? entity_of(text[i]) : NULL;
        if (entity != NULL)
            put(h, entity);
        else if (is_no_character(code))
            bit_show(h->f, "\\u%04x", code);
        else
            bit_show_raw(h->f, text + i, used);
    }
}

static void note_memory(struct bit_html *h)
{
    if (h->err == 0)
        h->err = bit_fail(-ENOMEM, "a page");
}

__attribute__((format(printf, 2, 0))) static void put_formatted(struct bit_html *h, const char *fmt, va_list args)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *f = open_memstream(&text, &bytes);

    if (f != NULL)
        bit_vshow(f, fmt, args);
    if (f == NULL || fclose(f) != 0)
        note_memory(h);
    else
        put_escaped(h, text, bytes);
    free(text);
}

/* ---- elements */

static void assert_name(const char *name)
{
    size_t i = 0;

    while (islower((unsigned char)name[i]) || (i > 0 && (isdigit((unsigned char)name[i]) || name[i] == '-')))
        i++;
    BIT_ASSERT(i > 0 && name[i] == '\0');
}

static bool is_one_of(const char *element, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(*list, element) == 0)
            return true;
    return false;
}

/* Elements without content. */
static bool is_empty(const char *element)
{
    static const char *const list[] = {"br", "meta", "wbr", NULL};

    return is_one_of(element, list);
}

/* Elements inside a line. The others begin a new line, so that two reports can be compared line by line. */
static bool is_within_line(const char *element)
{
    static const char *const list[] = {"a",      "abbr", "b",  "br",   "code", "em",  "small", "span",
                                       "strong", "td",   "th", "time", "dd",   "wbr", NULL};

    return is_one_of(element, list);
}

static void end_tag(struct bit_html *h)
{
    if (h->in_tag)
        put(h, ">");
    h->in_tag = false;
}

void bit_html_init(struct bit_html *h, FILE *f)
{
    *h = (struct bit_html){.f = f};
}

int bit_html_finish(struct bit_html *h)
{
    BIT_ASSERT(h->depth == 0 && !h->in_tag);
    put(h, "\n");
    if (ferror(h->f))
        note_memory(h);
    return h->err;
}

void bit_html_begin(struct bit_html *h, const char *element)
{
    assert_name(element);
    BIT_ASSERT(h->depth < BIT_HTML_DEPTH_MAX);
    end_tag(h);
    if (!is_within_line(element))
        put(h, "\n");
    put(h, "<");
    put(h, element);
    h->begun[h->depth++] = element;
    h->in_tag = true;
}

void bit_html_attribute(struct bit_html *h, const char *name, const char *fmt, ...)
{
    va_list args;

    assert_name(name);
    BIT_ASSERT(h->in_tag && strncmp(name, "on", 2) != 0); /* no scripts */
    put(h, " ");
    put(h, name);
    put(h, "=\"");
    va_start(args, fmt);
    put_formatted(h, fmt, args);
    va_end(args);
    put(h, "\"");
}

void bit_html_end(struct bit_html *h, const char *element)
{
    BIT_ASSERT(h->depth > 0 && strcmp(h->begun[h->depth - 1], element) == 0);
    h->depth--;
    if (is_empty(element)) {
        BIT_ASSERT(h->in_tag);
        put(h, "/>");
        h->in_tag = false;
        return;
    }
    end_tag(h);
    put(h, "</");
    put(h, element);
    put(h, ">");
}

/* ---- texts */

void bit_html_text(struct bit_html *h, const char *fmt, ...)
{
    va_list args;

    end_tag(h);
    va_start(args, fmt);
    put_formatted(h, fmt, args);
    va_end(args);
}

void bit_html_lines(struct bit_html *h, const char *text)
{
    char *line;

    end_tag(h);
    for (size_t bytes; *text != '\0'; text += bytes + (text[bytes] == '\n')) {
        bytes = strcspn(text, "\n");
        line = strndup(text, bytes);
        if (line == NULL)
            note_memory(h);
        bit_html_text(h, "%s", line != NULL ? line : "");
        put(h, "\n");
        free(line);
    }
}

void bit_html_element(struct bit_html *h, const char *element, const char *fmt, ...)
{
    va_list args;

    bit_html_begin(h, element);
    end_tag(h);
    va_start(args, fmt);
    put_formatted(h, fmt, args);
    va_end(args);
    bit_html_end(h, element);
}

void bit_html_classed(struct bit_html *h, const char *element, const char *of, const char *fmt, ...)
{
    va_list args;

    bit_html_begin(h, element);
    bit_html_attribute(h, "class", "%s", of);
    end_tag(h);
    va_start(args, fmt);
    put_formatted(h, fmt, args);
    va_end(args);
    bit_html_end(h, element);
}

void bit_html_markup(struct bit_html *h, const char *markup)
{
    end_tag(h);
    put(h, markup);
}
