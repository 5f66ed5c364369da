/*
 * A verb: what it is called, what it takes, what it does. Help texts and man pages are printed from this (help.h), and
 * its options are parsed by it (options.h), so that they cannot disagree.
 */
#ifndef BIT_CTL_VERB_H
#define BIT_CTL_VERB_H

#include <stdbool.h>

#include <protobuf-c/protobuf-c.h>

struct bit_option {
    const char *name; /* "follow": --follow */
    char letter;      /* 'f': -f; 0 for none */
    const char *arg;  /* "N" if it takes a value, NULL for a flag */
    const char *help; /* one sentence */
};

/* What a verb prints with --json: a message of bit.proto, and when. */
struct bit_verb_object {
    const ProtobufCMessageDescriptor *type;
    const char *when;
};

/* What every verb is given. */
struct bit_cli {
    const char *socket; /* --socket, or --state; NULL for the default */
    bool json;          /* --json */
    bool quiet;         /* -q: only what a script needs */
};

struct bit_cli_verb {
    const char *name;
    const char *summary;     /* one line, lower case, no full stop */
    const char *synopsis;    /* what follows "bitctl NAME" */
    const char *description; /* paragraphs parted by a blank line */
    /* Ended by one without a name, or NULL; those of bit_verb_common are every verb's. */
    const struct bit_option *options;
    const char *quiet;                  /* what is left with -q: a sentence, and part of the help */
    const struct bit_verb_object *json; /* what there is with --json (json_page.h), ended by one without a type */
    const char *examples;               /* lines; a line that starts with "$ " is a command */
    int (*run)(struct bit_cli *cli, int argc, char **argv); /* returns the exit code; argv[0] is the verb */
};

/** The verb of that name in a list ended by NULL, or NULL. */
const struct bit_cli_verb *bit_verb_find(const struct bit_cli_verb *const *verbs, const char *name);
/** The one that was meant, by a slip of the fingers or by another tool's word for it ("logs", "kill"); or NULL. */
const struct bit_cli_verb *bit_verb_meant(const struct bit_cli_verb *const *verbs, const char *name);
int bit_verb_option_count(const struct bit_cli_verb *verb);

/** The long option of the verb, or of all, that was meant by "--folow" or "--folow=x"; or NULL. */
const char *bit_verb_option_meant(const struct bit_cli_verb *verb, const char *word);

/* The options that every verb takes. */
enum { BIT_COMMON_JSON, BIT_COMMON_QUIET, BIT_COMMON_SOCKET, BIT_COMMON_STATE, BIT_COMMON_HELP, BIT_COMMON_COUNT };
extern const struct bit_option bit_verb_common[];

#endif
