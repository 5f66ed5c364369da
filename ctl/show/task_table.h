/* What tasks came to: one result in full a line, or many as a table of scores. */
#ifndef BIT_CTL_TASK_TABLE_H
#define BIT_CTL_TASK_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "proto/bit.pb-c.h"

/** "acc 0.2632 +- 0.0185 of 570 documents"; what makes a score doubtful is said after it. */
#define BIT_TASK_TEXT 200
char *bit_text_task(const Bit__TaskResult *r, char out[BIT_TASK_TEXT]);

/** Each result in full, in a table of at most `width` columns; 0: any. */
void bit_task_table_print(FILE *f, Bit__TaskResult *const *result, size_t count, int width);

/* A result and whose it is; both borrowed. */
struct bit_task_row {
    const char *run;
    const Bit__TaskResult *result;
};
/**
 * Scores in percent: a row for each run, step and precision, in the order in which they come, a column for each task,
 * and their mean where none is missing. Where that is wider than `width` (0: any) the table is turned, and the newest
 * evaluations stay. Errors: -ENOMEM.
 */
int bit_task_scores_print(FILE *f, const struct bit_task_row *row, size_t count, int width);
/** A line for each result after one of names, for other programs. Names of runs and tasks need no quotes. */
void bit_task_csv_print(FILE *f, const struct bit_task_row *row, size_t count);

#endif
