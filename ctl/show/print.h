/* Prints times, counts, states and records for people, and messages as JSON for programs. */
#ifndef BIT_CTL_PRINT_H
#define BIT_CTL_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/bit.pb-c.h"

/** One message as a line of JSON on stdout, with "schema" (proto/text/json.h) first. */
void bit_print_json(const void *msg);
void bit_write_json(FILE *f, const void *msg);

/* Write a text into the caller's buffer, and return it. */
#define BIT_TEXT       32
#define BIT_AFTER_TEXT 40
char *bit_text_duration(double seconds, char out[BIT_TEXT]);                /* 47s, 3m12s, 5h07m, 2d03h */
char *bit_text_count(double n, char out[BIT_TEXT]);                         /* 950, 4.19M, 41.9B */
char *bit_text_bytes(double bytes, char out[BIT_TEXT]);                     /* 512 B, 1.50 GiB */
char *bit_text_time(uint64_t time_ns, char out[BIT_TEXT]);                  /* local, 2026-11-22 13:40:01 */
char *bit_text_progress(uint64_t done, uint64_t all, int width, char *out); /* [=====>    ]; out has width + 3 */
char *bit_text_after(uint64_t step, char out[BIT_AFTER_TEXT]);              /* " after step 7"; "" for step 0 */
const char *bit_text_state(Bit__RunState state);                            /* "training" */
const char *const *bit_text_states(void);                                   /* all of them, up to a NULL */
/** "paused: by uid 0". A reason that begins with the state is printed alone: "paused at step 57". */
void bit_show_state(FILE *f, Bit__RunState state, const char *reason);
const char *bit_text_precision(Bit__Precision precision); /* "16-bit", "1.58-bit" */

/** "16-bit", "1.58-bit", or the single part that was ternary: "weights". */
const char *bit_text_evaluated(const Bit__EvaluateReport *e);
/** "loss 3.2188, perplexity 25.00, 1.161 bits a byte"; the last only if the set's bytes are known. */
#define BIT_EVALUATION_TEXT 96
char *bit_text_evaluation(const Bit__EvaluateReport *e, char out[BIT_EVALUATION_TEXT]);
/** One a line, set and precision first; all lines but the first are indented by `indent` columns. */
void bit_print_evaluations(FILE *f, Bit__EvaluateReport *const *report, size_t count, int indent);

/** Whether a line can be redrawn: a terminal that is not dumb. */
bool bit_terminal(FILE *f);
/** The terminal's columns, as bit_table_print takes them; 0, any, if it is no terminal. */
int bit_terminal_columns(FILE *f);
/** The terminal's columns and rows; 80 by 24 if it is no terminal. */
void bit_terminal_size(FILE *f, int *columns, int *rows);

/** Print a journal record as one line for people: time, event, figures. */
void bit_print_record(FILE *f, const Bit__JournalRecord *record);
/** The same without the time and the newline. */
void bit_print_record_text(FILE *f, const Bit__JournalRecord *record);

#endif
