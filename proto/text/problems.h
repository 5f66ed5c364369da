/* Collects all problems of a text, so that they are reported together. */
#ifndef BIT_PROTO_PROBLEMS_H
#define BIT_PROTO_PROBLEMS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/limits.h"

/* The position of a field's value in its source text. */
struct bit_position {
    uint64_t field; /* hash of its path */
    int line, column;
};

/*
 * The first BIT_PROBLEMS_MAX problems are kept, the rest only counted. Start from {0}.
 * The text parser also records the position of every field here, so that a rule that is checked after the text is freed
 * ("100 does not divide by 3 ranks") can still name the line.
 */
struct bit_problems {
    struct bit_problem {
        char field[128]; /* "phases.switch.ramp_steps"; empty if the problem is not about one field */
        char text[BIT_ERR_TEXT_MAX];
        int line, column; /* from 1; 0 if not known */
    } item[BIT_PROBLEMS_MAX];
    int count; /* including those not kept */
    struct bit_position position[BIT_POSITIONS_MAX];
    int position_count;
};

/**
 * Add a problem. field may be NULL. With line 0 the position is looked up: the field's own, else that of the nearest
 * enclosing message with a position in the text.
 */
void bit_problems_add(struct bit_problems *p, const char *field, int line, int column, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/** The number of problems in item[]. */
int bit_problems_kept(const struct bit_problems *p);
/** Sort by position in the text; problems without a line come last, in the order in which they were found. */
void bit_problems_sort(struct bit_problems *p);
/** Whether a kept problem is about exactly this field. */
bool bit_problems_about(const struct bit_problems *p, const char *field);

/**
 * Record a field's position; a later one replaces an earlier one. Line 0 means "not in the text": the field was set
 * from elsewhere, and the position of its enclosing message must not be used for it. Ignored when the table is full,
 * for elements of lists when it is half full.
 */
void bit_problems_place(struct bit_problems *p, const char *field, int line, int column);
/** The position of a field, else of an enclosing message. False if none is recorded. A recorded "not in the text" gives
 * true, with line 0. */
bool bit_problems_find(const struct bit_problems *p, const char *field, int *line, int *column);
/** Whether the field was given a value, in the text or otherwise; also true if that is not known. */
bool bit_problems_given(const struct bit_problems *p, const char *field);
/** Whether the field itself, not only an enclosing message, is in the text. */
bool bit_problems_in_text(const struct bit_problems *p, const char *field);

#endif
