/* Prints results of tasks: one in full on a line, or many as a table of scores. */
#ifndef BIT_CTL_TASK_TABLE_H
#define BIT_CTL_TASK_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "proto/bit.pb-c.h"

/** "acc 0.2632 +- 0.0185 of 570 documents", then what makes the score doubtful. */
#define BIT_TASK_TEXT 200
char *bit_text_task(const Bit__TaskResult *r, char out[BIT_TASK_TEXT]);

/** A table with each result in full, of at most `width` columns; 0: any. */
void bit_task_table_print(FILE *f, Bit__TaskResult *const *result, size_t count, int width);

/* A result and its run; both borrowed. */
struct bit_task_row {
    const char *run;
    const Bit__TaskResult *result;
};
/**
 * Scores in percent: a row for each run, step and precision, in the order given, a column for each task, and the mean
 * if no task is missing. A table wider than `width` (0: any) is transposed, and shows the newest evaluations only.
 * Errors: -ENOMEM.
 */
int bit_task_scores_print(FILE *f, const struct bit_task_row *row, size_t count, int width);
/** A header line and a line for each result, for other programs. Names of runs and tasks need no quotes. */
void bit_task_csv_print(FILE *f, const struct bit_task_row *row, size_t count);

#endif
