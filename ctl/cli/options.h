/* The options of a verb, on top of getopt_long; and what is said of a command line that is wrong. */
#ifndef BIT_CTL_OPTIONS_H
#define BIT_CTL_OPTIONS_H

#include <stdbool.h>

#include "ctl/cli/verb.h"

struct bit_options {
    const struct bit_cli_verb *verb;
    struct bit_cli *cli;
    const char *value; /* of the option just returned */
    int rest;          /* after the last: index of the first word that is no option */
};
enum { BIT_OPTIONS_END = -1, BIT_OPTIONS_EXIT = -2, BIT_OPTIONS_USAGE = -3 };
/**
 * The index in verb->options of the next option given, or BIT_OPTIONS_END; BIT_OPTIONS_EXIT once --help was printed
 * (exit 0), BIT_OPTIONS_USAGE once a mistake was (exit 2). The common options are taken here.
 */
int bit_options_next(struct bit_options *o, int argc, char **argv);
/**
 * After the last option: `got` is what bit_options_next returned, and exactly `words` words must follow. < 0 to go on
 * with argv[o->rest], or the exit code to end with.
 */
int bit_options_end(struct bit_options *o, int got, int argc, char **argv, int words);
/** The same where at least one word must follow: argv[o->rest] to argv[argc - 1]. */
int bit_options_end_many(struct bit_options *o, int got, int argc, char **argv);

/** Mistakes are JSON from here on: said before a verb begins, for a mistake may come before its --json is read. */
void bit_usage_in_json(bool json);
/** "bitctl submit: what" and a pointer to --help, on stderr, or an ErrorReply as JSON; returns BIT_EXIT_USAGE. */
int bit_usage(const struct bit_cli_verb *verb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Read an unsigned number; false, with nothing written, unless the whole text is one. */
bool bit_parse_u64(const char *text, unsigned long long *out);

#endif
