/* The run that a word names, asked once, so that all requests of a verb are about the same run. */
#ifndef BIT_CTL_RUN_WORD_H
#define BIT_CTL_RUN_WORD_H

#include <stdbool.h>

#include "ctl/cli/verb.h"
#include "proto/limits.h"

/**
 * Find the id of a run. The word may be its id, for which bitd is not asked, its name, or "@last". A name or "@last"
 * may mean another run a moment later: a verb that sends several requests, or one request again after a restart of
 * bitd, asks once and then sends the id. Waits for a bitd that was just killed, like bit_connection_open_waiting.
 * Returns     0, or the exit code after the reason was printed
 */
int bit_run_word(struct bit_cli *cli, const char *word, char id[BIT_RUN_ID_MAX]);
/**
 * The run of a request about `word`: the word itself, or if the request `follows` the run, and so is sent again after a
 * restart of bitd, the id as above. *run borrows either.
 */
int bit_run_word_to_follow(struct bit_cli *cli, char *word, bool follows, char id[BIT_RUN_ID_MAX], char **run);

#endif
