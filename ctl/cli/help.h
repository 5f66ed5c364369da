/* Prints `bitctl --help`, `bitctl VERB --help` and the man pages on stdout, all from the verbs' own descriptions. */
#ifndef BIT_CTL_HELP_H
#define BIT_CTL_HELP_H

#include "ctl/cli/verb.h"

void bit_help(const struct bit_cli_verb *verb);
/** The help of bitctl itself. verbs: a list ended by NULL. */
void bit_help_all(const struct bit_cli_verb *const *verbs);
/** The same as man pages, in roff's man macros: bitctl-VERB(1) and bitctl(1). */
void bit_man(const struct bit_cli_verb *verb);
void bit_man_all(const struct bit_cli_verb *const *verbs);
/** The page of `bitctl help json` (json_page.h), and bitctl-json(7). */
void bit_help_json(const struct bit_cli_verb *const *verbs);
void bit_man_json(const struct bit_cli_verb *const *verbs);

#endif
