/* Comma-separated values by RFC 4180. */
#ifndef BIT_CTL_CSV_FIELD_H
#define BIT_CTL_CSV_FIELD_H

#include <stdio.h>

/** A text as one field: in quotes, which are doubled within, where it has what would end one. */
void bit_csv_field(FILE *f, const char *text);

#endif
