/* The options that the verbs which make runs have in common, and what these verbs print alike. */
#ifndef BIT_CTL_SUBMIT_OPTIONS_H
#define BIT_CTL_SUBMIT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/cli/queue_options.h"
#include "ctl/cli/verb.h"

#define BIT_SUBMIT_SETS_MAX 64 /* --set on one command line */

/* What was asked; texts are borrowed from the command line. */
struct bit_submit_options {
    const struct bit_cli_verb *verb;
    bool dry_run, follow, wait, paused;
    const char *name;       /* NULL: not given */
    const char *request_id; /* NULL: a new one */
    const char *set[BIT_SUBMIT_SETS_MAX];
    size_t set_count;
    struct bit_queue_options queue;
};

/**
 * Take one of the verb's options that is --dry-run, --follow, --wait, --paused, --name, --request-id, --set, --priority
 * or --after. It can be `take` of struct bit_options, or the verb's own one calls it for these.
 * how         a struct bit_submit_options whose verb is set
 * Returns     0, or the exit code after a mistake was printed
 */
int bit_submit_options_take(void *how, int option, const char *value);
/** Returns < 0 if the options go together, else the exit code after the mistake was printed. */
int bit_submit_options_check(const struct bit_submit_options *how);
/**
 * Print what every verb prints alike once bitd has made a run or sweep: the id alone with --quiet, or that it existed
 * already.
 * Returns     whether the verb is to print its own sentence instead; not with --json, which prints the reply
 */
bool bit_submit_options_wants_sentence(const struct bit_cli *cli, const struct bit_submit_options *how, const char *id,
                                       const char *name, bool known);

#endif
