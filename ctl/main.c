/* bitctl: find the verb, let it run, end with its exit code. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "ctl/cli/verb.h"
#include "ctl/show/show.h"
#include "proto/err.h"
#include "proto/slice.h"

static int man(int argc, char **argv)
{
    const struct bit_cli_verb *verb = argc > 2 ? bit_verb_find(argv[2]) : NULL;

    if (argc > 2 && !verb) {
        bit_show(stderr, "bitctl: there is no verb '%s'\n", argv[2]);
        return BIT_EXIT_USAGE;
    }
    bit_man(verb);
    return BIT_EXIT_OK;
}

static int help(int argc, char **argv)
{
    if (argc < 3) {
        bit_help_all();
        return BIT_EXIT_OK;
    }
    const struct bit_cli_verb *verb = bit_verb_find(argv[2]);
    if (!verb) {
        bit_show(stderr, "bitctl: there is no verb '%s'; `bitctl help` lists them\n", argv[2]);
        return BIT_EXIT_USAGE;
    }
    bit_help(verb);
    return BIT_EXIT_OK;
}

int main(int argc, char **argv)
{
    struct bit_cli cli = {0};

    bit_slice_short();
    signal(SIGPIPE, SIG_DFL); /* `bitctl log | head` ends quietly */
    if (argc < 2) {
        bit_help_all();
        return BIT_EXIT_USAGE;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help(argc, argv);
    if (strcmp(argv[1], "--man") == 0)
        return man(argc, argv);
    const struct bit_cli_verb *verb = bit_verb_find(strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
    if (!verb) {
        bit_show(stderr, "bitctl: there is no verb '%s'; `bitctl help` lists them\n", argv[1]);
        return BIT_EXIT_USAGE;
    }
    return verb->run(&cli, argc - 1, argv + 1);
}
