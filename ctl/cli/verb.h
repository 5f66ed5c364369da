/* A verb: what it is called, what it takes, what it does. Help texts and man pages are printed from this, so they
 * cannot disagree. */
#ifndef BIT_CTL_VERB_H
#define BIT_CTL_VERB_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/client/client.h"

struct bit_option {
    const char *name; /* "follow": --follow */
    char letter;      /* 'f': -f; 0 for none */
    const char *arg;  /* "N" if it takes a value, NULL for a flag */
    const char *help; /* one sentence */
};

/* What every verb is given. */
struct bit_cli {
    const char *socket; /* --socket, or NULL for the default */
    bool json;          /* --json */
    bool quiet;         /* -q: only what a script needs */
};

struct bit_cli_verb {
    const char *name;
    const char *summary;     /* one line, lower case, no full stop */
    const char *synopsis;    /* what follows "bitctl NAME" */
    const char *description; /* paragraphs parted by a blank line */
    const struct bit_option
        *options;         /* ended by one without a name; --json, --quiet, --socket, --help are every verb's */
    const char *examples; /* lines; a line that starts with "$ " is a command */
    int (*run)(struct bit_cli *cli, int argc, char **argv); /* returns the exit code; argv[0] is the verb */
};

extern const struct bit_cli_verb *const bit_verbs[]; /* ended by NULL, in the order of the help */
const struct bit_cli_verb *bit_verb_find(const char *name);

/* ---- options, on top of getopt_long ---- */

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

/** "bitctl submit: what" and a pointer to --help, on stderr; returns BIT_EXIT_USAGE. */
int bit_usage(const struct bit_cli_verb *verb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Read an unsigned number; false, with nothing written, unless the whole text is one. */
bool bit_parse_u64(const char *text, unsigned long long *out);

void bit_help(const struct bit_cli_verb *verb);
void bit_help_all(void);
/** The same as a man page, in roff's man macros, on stdout. NULL is bitctl(1) itself. */
void bit_man(const struct bit_cli_verb *verb);

#endif
