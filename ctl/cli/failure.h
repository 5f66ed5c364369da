/* Prints failures in the form the user chose, text on stderr or JSON on stdout, and returns the verb's exit code. */
#ifndef BIT_CTL_FAILURE_H
#define BIT_CTL_FAILURE_H

#include <stdio.h>

#include "ctl/cli/verb.h"
#include "proto/bit.pb-c.h"

/** Print the message that bit_fail noted, or err's own text, and return its exit code. */
int bit_failure_print(const struct bit_cli *cli, int err);
/** The same, to `f`. */
int bit_failure_write(FILE *f, const struct bit_cli *cli, int err);
/** Print bitd's ErrorReply with its problems, and return its exit code. */
int bit_failure_print_reply(struct bit_cli *cli, const Bit__ErrorReply *error);

#endif
