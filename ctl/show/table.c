#include "ctl/show/table.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/show/show.h"
#include "proto/check.h"

#define SPACE 1 /* between columns */

void bit_table_init(struct bit_table *t, const struct bit_table_column *column, size_t columns)
{
    BIT_ASSERT(columns > 0 && columns <= BIT_TABLE_COLUMNS_MAX);
    *t = (struct bit_table){.column = column, .columns = columns};
}

void bit_table_finish(struct bit_table *t)
{
    for (size_t i = 0; i < t->rows * t->columns; i++)
        free(t->cell[i]);
    free(t->cell);
    t->cell = NULL;
    t->rows = 0;
}

static bool make_room(struct bit_table *t)
{
    if (t->rows < t->room)
        return true;
    const size_t room = t->room > 0 ? 2 * t->room : 16;
    char **cell = realloc(t->cell, room * t->columns * sizeof *cell);
    if (cell == NULL)
        return false;
    t->cell = cell;
    t->room = room;
    return true;
}

void bit_table_add(struct bit_table *t, const char *const *cells)
{
    if (!make_room(t)) {
        t->err = -ENOMEM;
        return;
    }
    char **row = &t->cell[t->rows++ * t->columns];
    for (size_t c = 0; c < t->columns; c++) {
        row[c] = strdup(cells[c]);
        t->err = row[c] == NULL ? -ENOMEM : t->err;
    }
}

/* ---- widths */

struct widths {
    int of[BIT_TABLE_COLUMNS_MAX]; /* 0: left out */
};

static int sum(const struct bit_table *t, const struct widths *w)
{
    int all = -SPACE;

    for (size_t c = 0; c < t->columns; c++)
        all += w->of[c] > 0 ? w->of[c] + SPACE : 0;
    return all;
}

/* Characters of UTF-8. */
static int length_of(const char *text)
{
    int n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void measure(const struct bit_table *t, struct widths *w)
{
    for (size_t c = 0; c < t->columns; c++) {
        w->of[c] = length_of(t->column[c].name);
        for (size_t r = 0; r < t->rows; r++)
            if (t->cell[r * t->columns + c] != NULL)
                w->of[c] = BIT_MAX(w->of[c], length_of(t->cell[r * t->columns + c]));
    }
}

static void narrow(const struct bit_table *t, struct widths *w, int width)
{
    for (size_t c = 0; c < t->columns; c++) {
        const int over = sum(t, w) - width, least = t->column[c].narrowed;
        if (over > 0 && least > 0 && w->of[c] > least)
            w->of[c] = BIT_MAX(w->of[c] - over, least);
    }
}

/* The column to be left out next, or -1. */
static int find_least(const struct bit_table *t, const struct widths *w)
{
    int found = -1;

    for (size_t c = 0; c < t->columns; c++)
        if (w->of[c] > 0 && t->column[c].leave > 0 &&
            (found < 0 || t->column[c].leave > t->column[(size_t)found].leave))
            found = (int)c;
    return found;
}

static void fit(const struct bit_table *t, struct widths *w, int width)
{
    struct widths whole = {0};
    int least;

    measure(t, &whole);
    *w = whole;
    if (width <= 0)
        return;
    narrow(t, w, width);
    while (sum(t, w) > width && (least = find_least(t, &whole)) >= 0) {
        whole.of[least] = 0;
        *w = whole; /* a column that was cut may have room now */
        narrow(t, w, width);
    }
}

/* ---- printing */

static size_t bytes_of(const char *text, int characters)
{
    size_t at = 0;

    for (int n = 0; text[at] != '\0'; at++)
        if (((unsigned char)text[at] & 0xc0) != 0x80 && n++ == characters)
            break;
    return at;
}

static void print_cell(FILE *f, const char *text, int width, bool right, bool last)
{
    const bool cut = length_of(text) > width;
    const int shown = cut ? BIT_MAX(width - 2, 1) : width;
    const int bytes = (int)bytes_of(text, shown);

    if (cut)
        bit_show(f, "%.*s%.*s", bytes, text, width - shown, "..");
    else if (right)
        bit_show(f, "%*s", width, text);
    else if (last)
        bit_show(f, "%s", text);
    else
        bit_show(f, "%-*s", width, text);
}

static void print_row(FILE *f, const struct bit_table *t, const struct widths *w, char *const *row)
{
    size_t last = 0;

    for (size_t c = 0; c < t->columns; c++)
        last = w->of[c] > 0 ? c : last;
    for (size_t c = 0; c <= last; c++) {
        if (w->of[c] == 0)
            continue;
        print_cell(f, row != NULL ? row[c] : t->column[c].name, w->of[c], t->column[c].right, c == last);
        if (c < last)
            bit_show(f, "%*s", SPACE, "");
    }
    fputc('\n', f);
}

void bit_table_print(FILE *f, const struct bit_table *t, int width, size_t most)
{
    struct widths w;
    const size_t rows = t->rows > most ? most - (most > 0) : t->rows;

    if (t->err < 0)
        return;
    fit(t, &w, width);
    print_row(f, t, &w, NULL);
    for (size_t r = 0; r < rows; r++)
        print_row(f, t, &w, &t->cell[r * t->columns]);
    if (rows < t->rows)
        bit_show(f, "and %zu more\n", t->rows - rows);
}
