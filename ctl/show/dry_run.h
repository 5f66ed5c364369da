/* Prints the plan of `submit --dry-run`. */
#ifndef BIT_CTL_DRY_RUN_H
#define BIT_CTL_DRY_RUN_H

#include <stdio.h>

#include "proto/bit.pb-c.h"

void bit_dry_run_print(FILE *f, const Bit__DryRunReply *dry);
/** Only its warnings, a line each. */
void bit_dry_run_print_warnings(FILE *f, const Bit__DryRunReply *reply);

#endif
