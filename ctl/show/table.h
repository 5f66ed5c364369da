/* A table that fits a terminal: columns are as wide as what is in them, and the least important go first. */
#ifndef BIT_CTL_TABLE_H
#define BIT_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define BIT_TABLE_COLUMNS_MAX 12

struct bit_table_column {
    const char *name;
    bool right;   /* numbers */
    int leave;    /* the column with the highest is left out first where there is no room; 0: never */
    int narrowed; /* may be cut to so many characters before any is left out; 0: never */
};

struct bit_table {
    const struct bit_table_column *column;
    size_t columns, rows, room;
    char **cell; /* (rows, columns) */
    int err;     /* the first that adding a row met with */
};

/** columns <= BIT_TABLE_COLUMNS_MAX; borrowed. */
void bit_table_init(struct bit_table *t, const struct bit_table_column *column, size_t columns);
/** One cell a column; copied. */
void bit_table_add(struct bit_table *t, const char *const *cells);
/**
 * Print the names of the columns and the rows, in at most `width` characters a line; 0: any. What was cut ends in "..".
 * most: rows that there is room for; where there are more, the last line says how many.
 */
void bit_table_print(FILE *f, const struct bit_table *t, int width, size_t most);
void bit_table_finish(struct bit_table *t);

#endif
