/*
 * A verb: its name, its options and its function. The help and the man pages are printed from this struct (help.h), and
 * the options are parsed by it (options.h), so that they cannot disagree.
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

/* The options that every verb gets. */
struct bit_cli {
    const char *socket; /* --socket, or --state; NULL for the default */
    bool json;          /* --json */
    bool quiet;         /* -q: only what a script needs */
};

struct bit_cli_verb {
    const char *name;
    const char *summary;     /* one line, lower case, no full stop */
    const char *synopsis;    /* what follows "bitctl NAME" */
    const char *description; /* paragraphs with a blank line between them */
    /* Ends with an entry without a name; NULL: none. Every verb also takes those of bit_verb_common. */
    const struct bit_option *options;
    const char *quiet;                  /* help of -q: what is still printed; one sentence */
    const struct bit_verb_object *json; /* what --json prints (json_page.h); ends with an entry without a type */
    const char *examples;               /* lines; a line that starts with "$ " is a command */
    int (*run)(struct bit_cli *cli, int argc, char **argv); /* returns the exit code; argv[0] is the verb */
};

/** The verb of that name in a list ended by NULL, or NULL. */
const struct bit_cli_verb *bit_verb_find(const struct bit_cli_verb *const *verbs, const char *name);
/** The verb that was probably meant by a typing error or another tool's name ("logs", "kill"); or NULL. */
const struct bit_cli_verb *bit_verb_meant(const struct bit_cli_verb *const *verbs, const char *name);
int bit_verb_option_count(const struct bit_cli_verb *verb);

/** The long option of the verb, or of all verbs, that was probably meant by "--folow" or "--folow=x"; or NULL. */
const char *bit_verb_option_meant(const struct bit_cli_verb *verb, const char *word);

/* The options that every verb takes. */
enum { BIT_COMMON_JSON, BIT_COMMON_QUIET, BIT_COMMON_SOCKET, BIT_COMMON_STATE, BIT_COMMON_HELP, BIT_COMMON_COUNT };
extern const struct bit_option bit_verb_common[];

#endif
