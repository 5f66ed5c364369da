/* Parses a verb's command line with getopt_long, and reports what is wrong with it. */
#ifndef BIT_CTL_OPTIONS_H
#define BIT_CTL_OPTIONS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "ctl/cli/verb.h"

#define BIT_WORDS_MANY INT_MAX

struct bit_options {
    const struct bit_cli_verb *verb;
    struct bit_cli *cli; /* the common options are kept here */
    /* Takes an option of the verb: its index in verb->options, and its value or NULL. Returns 0, or the exit code after
     * a mistake was reported. NULL if the verb has no option. */
    int (*take)(void *arg, int option, const char *value);
    void *arg;
    int least, most; /* words that must follow the options; most may be BIT_WORDS_MANY */
    /* outputs */
    char **word; /* the words, borrowed from argv */
    int words;
};
/**
 * Parse the command line, up to the first mistake.
 * Returns     < 0 to go on with the words, or the exit code to end with: a mistake was reported, or --help was printed
 */
int bit_options_parse(struct bit_options *o, int argc, char **argv);

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
/**
 * Read the value of an option of the verb, a number from least to most. Returns 0, or the exit code after the mistake
 * was reported; *out is not written then.
 */
int bit_options_number(const struct bit_cli_verb *verb, int option, const char *value, uint64_t least, uint64_t most,
                       uint64_t *out);
/** Read an unsigned number. Unless the whole text is one, false, and *out is not written. */
bool bit_parse_u64(const char *text, uint64_t *out);

#endif
