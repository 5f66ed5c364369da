/* For people: times, counts, states, tables. For programs: JSON. */
#ifndef BIT_CTL_PRINT_H
#define BIT_CTL_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/bit.pb-c.h"

/** One message as a line of JSON on stdout, "schema" (proto/text/json.h) first. */
void bit_print_json(const void *msg);
void bit_write_json(FILE *f, const void *msg);

/* Texts into the caller's buffer, which is returned. */
#define BIT_TEXT       32
#define BIT_AFTER_TEXT 40
char *bit_text_duration(double seconds, char out[BIT_TEXT]);                /* 47s, 3m12s, 5h07m, 2d03h */
char *bit_text_count(double n, char out[BIT_TEXT]);                         /* 950, 4.19M, 41.9B */
char *bit_text_bytes(double bytes, char out[BIT_TEXT]);                     /* 512 B, 1.50 GiB */
char *bit_text_time(uint64_t time_ns, char out[BIT_TEXT]);                  /* local, 2026-11-22 13:40:01 */
char *bit_text_progress(uint64_t done, uint64_t all, int width, char *out); /* [=====>    ]; out has width + 3 */
char *bit_text_after(uint64_t step, char out[BIT_AFTER_TEXT]);              /* " after step 7"; of step 0 nothing */
const char *bit_text_state(Bit__RunState state);                            /* "training" */
/** "paused: by uid 0"; a reason that begins with the state says it once: "paused at step 57". */
void bit_show_state(FILE *f, Bit__RunState state, const char *reason);
const char *bit_text_precision(Bit__Precision precision); /* "16-bit", "1.58-bit" */

/** "16-bit", "1.58-bit", or of the latter one part alone: "weights". */
const char *bit_text_evaluated(const Bit__EvaluateReport *e);
/** "loss 3.2188, perplexity 25.00, 1.161 bits a byte"; the last only where the bytes of the set are known. */
#define BIT_EVALUATION_TEXT 96
char *bit_text_evaluation(const Bit__EvaluateReport *e, char out[BIT_EVALUATION_TEXT]);
/** One a line, name and precision first; all but the first line indented by so many columns. */
void bit_print_evaluations(FILE *f, Bit__EvaluateReport *const *report, size_t count, int indent);

/** True where redrawing makes sense: a terminal that is not dumb. */
bool bit_terminal(FILE *f);
/** Columns for bit_table_print: the terminal's, and 0, which is any, where there is none. */
int bit_terminal_columns(FILE *f);
/** Columns and rows of the terminal; 80 by 24 where there is none. */
void bit_terminal_size(FILE *f, int *columns, int *rows);

/** Print a journal record as one line for people: time, what, figures. Nothing for records that say nothing to people.
 */
void bit_print_record(FILE *f, const Bit__JournalRecord *record);
/** The same without the time and the end of the line. */
void bit_print_record_text(FILE *f, const Bit__JournalRecord *record);

#endif
