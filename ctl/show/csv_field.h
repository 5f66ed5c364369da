/* Comma-separated values (RFC 4180). */
#ifndef BIT_CTL_CSV_FIELD_H
#define BIT_CTL_CSV_FIELD_H

#include <stdio.h>

/** A text as one field: in quotes, with quotes in it doubled, if it has a comma, quote or line end. */
void bit_csv_field(FILE *f, const char *text);

#endif
