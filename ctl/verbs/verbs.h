/* The verbs, from the list in meson.build. */
#ifndef BIT_CTL_VERBS_H
#define BIT_CTL_VERBS_H

#include "ctl/cli/verb.h"
#include "ctl/verbs/verb_table.h"

/* In the order of the help, ended by NULL. */
extern const struct bit_cli_verb *const bit_verbs[];

/* One for each, defined in cmd_NAME.c. */
#define X(name) extern const struct bit_cli_verb bit_cmd_##name;
BIT_VERB_TABLE(X)
#undef X

/** Do `bitctl wait RUN`, with the --json, -q and socket of `cli`. */
int bit_wait_for(struct bit_cli *cli, const char *run);

#endif
