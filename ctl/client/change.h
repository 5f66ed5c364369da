/* Verbs that change a run: sent once, applied once, true when they return. */
#ifndef BIT_CTL_CHANGE_H
#define BIT_CTL_CHANGE_H

#include "ctl/cli/options.h"
#include "ctl/client/connection.h"

/** Send the request and print what bitd did: "r7: paused after step 412 (event 431)". Returns the exit code. */
int bit_change(struct bit_cli *cli, uint16_t type, const void *request);

/* What a verb that takes RUN and --no-wait alone sends. */
typedef int bit_change_send(struct bit_cli *cli, char *run, char *request_id, bool no_wait);
/** The options of such a verb, and its whole run(): parse, make a request id, send. */
extern const struct bit_option bit_change_options[];
int bit_change_run(const struct bit_cli_verb *verb, struct bit_cli *cli, int argc, char **argv, bit_change_send *send);

#endif
