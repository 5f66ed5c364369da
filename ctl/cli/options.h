/* Parses a verb's options with getopt_long, and reports command lines that are wrong. */
#ifndef BIT_CTL_OPTIONS_H
#define BIT_CTL_OPTIONS_H

#include <stdbool.h>

#include "ctl/cli/verb.h"

struct bit_options {
    const struct bit_cli_verb *verb;
    struct bit_cli *cli;
    const char *value; /* of the option just returned */
    int rest;          /* after the last option: index of the first other word */
};
enum { BIT_OPTIONS_END = -1, BIT_OPTIONS_EXIT = -2, BIT_OPTIONS_USAGE = -3 };
/**
 * The index in verb->options of the next option, or BIT_OPTIONS_END; BIT_OPTIONS_EXIT after --help was printed (exit
 * 0), BIT_OPTIONS_USAGE after a mistake was reported (exit 2). The common options are handled here.
 */
int bit_options_next(struct bit_options *o, int argc, char **argv);
/**
 * Call this after the last option. `got` is what bit_options_next returned; exactly `words` words must follow.
 * Returns < 0 to go on with argv[o->rest], or the exit code to end with.
 */
int bit_options_end(struct bit_options *o, int got, int argc, char **argv, int words);
/** The same where at least one word must follow: argv[o->rest] to argv[argc - 1]. */
int bit_options_end_many(struct bit_options *o, int got, int argc, char **argv);

/**
 * Report mistakes as JSON from here on. Called before the verb parses its options, because a mistake may come before
 * --json.
 */
void bit_usage_in_json(bool json);
/** Print "bitctl submit: what" and a pointer to --help on stderr, or an ErrorReply as JSON; returns BIT_EXIT_USAGE. */
int bit_usage(const struct bit_cli_verb *verb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/**
 * The same for a word that is none of `names` (up to a NULL), which `what` takes; suggests the nearest. word NULL: none
 * is given.
 */
int bit_usage_names(const struct bit_cli_verb *verb, const char *what, const char *word, const char *const *names);
/** Read an unsigned number. Unless the whole text is one, false, and *out is not written. */
bool bit_parse_u64(const char *text, unsigned long long *out);

#endif
