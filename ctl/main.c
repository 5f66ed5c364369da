/* bitctl: finds the verb, runs it and exits with its code. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ctl/cli/failure.h"
#include "ctl/cli/help.h"
#include "ctl/cli/options.h"
#include "ctl/show/fold.h"
#include "ctl/show/show.h"
#include "ctl/spec/spec_page.h"
#include "ctl/verbs/completion.h"
#include "ctl/verbs/verbs.h"
#include "proto/err.h"
#include "proto/timeslice.h"

static int no_verb(struct bit_cli *cli, const char *name)
{
    const struct bit_cli_verb *meant = bit_verb_meant(bit_verbs, name);

    if (name[0] == '-')
        bit_fail(BIT_EUSAGE, "the verb comes first, and its options after it: bitctl VERB %s", name);
    else if (meant)
        bit_fail(BIT_EUSAGE, "there is no verb '%s'; did you mean `bitctl %s`?", name, meant->name);
    else
        bit_fail(BIT_EUSAGE, "there is no verb '%s'; `bitctl help` lists them", name);
    return bit_failure_print(cli, BIT_EUSAGE);
}

/* --json anywhere on the command line makes error messages JSON, too. */
static bool wants_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

/* The man pages, which the build prints: bitctl(1) by default, a verb's, bitctl-json(7) or bit-run(5). */
static int print_man(struct bit_cli *cli, const char *what)
{
    const struct bit_cli_verb *verb = what ? bit_verb_find(bit_verbs, what) : NULL;

    if (verb)
        bit_man(verb);
    else if (what && strcmp(what, "json") == 0)
        bit_man_json(bit_verbs);
    else if (what && strcmp(what, "spec") == 0)
        return bit_exit_code(bit_spec_page_print_man(stdout));
    else if (what)
        return no_verb(cli, what);
    else
        bit_man_all(bit_verbs);
    return BIT_EXIT_OK;
}

/* If stdout could not be written, a verb that succeeded otherwise fails, too. */
static int end(int code)
{
    bit_fold_end();
    const bool failed = fflush(stdout) != 0;

    if (!failed && !ferror(stdout))
        return code;
    bit_show(stderr, "bitctl: standard output: %s\n", failed ? strerror(errno) : "not all of it was written");
    return code == BIT_EXIT_OK ? BIT_EXIT_CANTCREATE : code;
}

/* --help, -h and --version are taken for the verbs help and version. */
static const char *verb_of(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return "help";
    return strcmp(word, "--version") == 0 ? "version" : word;
}

int main(int argc, char **argv)
{
    struct bit_cli cli = {0}, mistaken = {.json = wants_json(argc, argv)};

    bit_timeslice_shorten();
    signal(SIGPIPE, SIG_DFL); /* `bitctl log | head` ends quietly */
    if (argc < 2) {
        bit_help_all(bit_verbs);
        return BIT_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--man") == 0)
        return end(print_man(&mistaken, argc > 2 ? argv[2] : NULL));
    if (strcmp(argv[1], "--complete") == 0) { /* called by the shells' scripts, with the words after bitctl */
        bit_completion_print(stdout, argc - 2, argv + 2);
        return end(BIT_EXIT_OK);
    }
    const struct bit_cli_verb *verb = bit_verb_find(bit_verbs, verb_of(argv[1]));
    if (!verb)
        return end(no_verb(&mistaken, argv[1]));
    bit_usage_in_json(mistaken.json);
    return end(verb->run(&cli, argc - 1, argv + 1));
}
