/*
 * A table that fits a terminal: columns are as wide as their contents; without room the least important are left out.
 */
#ifndef BIT_CTL_TABLE_H
#define BIT_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define BIT_TABLE_COLUMNS_MAX 12

struct bit_table_column {
    const char *name;
    bool right;   /* right-aligned, for numbers */
    int leave;    /* without room, the column with the highest value is left out first; 0: never */
    int narrowed; /* may be cut to this width before columns are left out; 0: never */
};

struct bit_table {
    const struct bit_table_column *column;
    size_t columns, rows, room;
    char **cell; /* (rows, columns) */
    int err;     /* the first error of adding a row */
};

/** columns <= BIT_TABLE_COLUMNS_MAX; `column` is borrowed. */
void bit_table_init(struct bit_table *t, const struct bit_table_column *column, size_t columns);
/** One cell for each column; copied. */
void bit_table_add(struct bit_table *t, const char *const *cells);
/**
 * Print the column names and the rows, in at most `width` characters a line; 0: any. A cell that is cut ends in "..".
 * most: the rows to print at most; if there are more, the last line says how many.
 */
void bit_table_print(FILE *f, const struct bit_table *t, int width, size_t most);
void bit_table_finish(struct bit_table *t);

#endif
