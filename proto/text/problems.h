/* Everything that is wrong with a text, kept until all of it is known. */
#ifndef BIT_PROTO_PROBLEMS_H
#define BIT_PROTO_PROBLEMS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/limits.h"

/* Where a field's value stands in the text it came from. */
struct bit_position {
    uint64_t field; /* hash of its path */
    int line, column;
};

/*
 * All problems at once; the first BIT_PROBLEMS_MAX are kept, the rest counted. Start from {0}.
 * The text parser leaves the position of every field here as well, so that a rule which finds fault with a value long
 * after the text is gone ("100 does not divide by 3 ranks") still points to its line.
 */
struct bit_problems {
    struct bit_problem {
        char field[128]; /* "phases.switch.ramp_steps"; empty if it is about the whole */
        char text[BIT_ERR_TEXT_MAX];
        int line, column; /* from 1; 0 where there is no text */
    } item[BIT_PROBLEMS_MAX];
    int count; /* all that were found */
    struct bit_position position[BIT_POSITIONS_MAX];
    int position_count;
};

/**
 * Add one. field may be NULL. With line 0 the position is looked up: the field's own, else that of the nearest
 * enclosing message that stands in the text.
 */
void bit_problems_add(struct bit_problems *p, const char *field, int line, int column, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/** How many of `count` are in item[]. */
int bit_problems_kept(const struct bit_problems *p);
/** In the order of the text; those without a line last, in the order they were found in. */
void bit_problems_sort(struct bit_problems *p);
/** Whether a kept problem is about this very field. */
bool bit_problems_about(const struct bit_problems *p, const char *field);

/**
 * Remember where a field stands; a later position replaces an earlier one. Line 0 means "not in the text": it was set
 * from elsewhere, and its enclosing message must not answer for it. Forgotten without notice once the table is full.
 */
void bit_problems_place(struct bit_problems *p, const char *field, int line, int column);
/** False if nothing is known of the field or of anything around it. A known "not in the text" is true, with line 0. */
bool bit_problems_find(const struct bit_problems *p, const char *field, int *line, int *column);
/** Whether somebody gave the field a value, in the text or otherwise; true, too, where that is not known. */
bool bit_problems_given(const struct bit_problems *p, const char *field);
/** Whether the field itself, not only something around it, stands in the text. */
bool bit_problems_in_text(const struct bit_problems *p, const char *field);

#endif
