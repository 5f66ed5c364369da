/* bitctl: find the verb, let it run, end with its exit code. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ctl/cli/help.h"
#include "ctl/show/show.h"
#include "ctl/verbs/verbs.h"
#include "proto/err.h"
#include "proto/timeslice.h"

static int no_verb(const char *name)
{
    const struct bit_cli_verb *meant = bit_verb_meant(bit_verbs, name);

    if (name[0] == '-')
        bit_show(stderr, "bitctl: the verb comes first, and its options after it: bitctl VERB %s\n", name);
    else if (meant)
        bit_show(stderr, "bitctl: there is no verb '%s'; did you mean `bitctl %s`?\n", name, meant->name);
    else
        bit_show(stderr, "bitctl: there is no verb '%s'; `bitctl help` lists them\n", name);
    return BIT_EXIT_USAGE;
}

/* `bitctl help [VERB]`, `bitctl --man [VERB]` */
static int explain(int argc, char **argv, void (*all)(const struct bit_cli_verb *const *),
                   void (*one)(const struct bit_cli_verb *))
{
    const struct bit_cli_verb *verb = argc > 2 ? bit_verb_find(bit_verbs, argv[2]) : NULL;

    if (argc > 2 && !verb)
        return no_verb(argv[2]);
    if (verb)
        one(verb);
    else
        all(bit_verbs);
    return BIT_EXIT_OK;
}

/* What was printed and could not be written is a failure, of a verb that did all else, too. */
static int end(int code)
{
    const bool failed = fflush(stdout) != 0;

    if (!failed && !ferror(stdout))
        return code;
    bit_show(stderr, "bitctl: standard output: %s\n", failed ? strerror(errno) : "not all of it was written");
    return code == BIT_EXIT_OK ? BIT_EXIT_CANTCREATE : code;
}

int main(int argc, char **argv)
{
    struct bit_cli cli = {0};

    bit_timeslice_shorten();
    signal(SIGPIPE, SIG_DFL); /* `bitctl log | head` ends quietly */
    if (argc < 2) {
        bit_help_all(bit_verbs);
        return BIT_EXIT_USAGE;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return end(explain(argc, argv, bit_help_all, bit_help));
    if (strcmp(argv[1], "--man") == 0)
        return end(explain(argc, argv, bit_man_all, bit_man));
    const struct bit_cli_verb *verb = bit_verb_find(bit_verbs, strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
    if (!verb)
        return no_verb(argv[1]);
    return end(verb->run(&cli, argc - 1, argv + 1));
}
