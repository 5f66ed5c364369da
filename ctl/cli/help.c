#include "ctl/cli/help.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cli/json_page.h"
#include "ctl/show/fold.h"
#include "proto/check.h"
#include "proto/text/roff.h"

/* A common option; the help of -q is the verb's own if it has one. */
static struct bit_option common_option(const struct bit_cli_verb *verb, int i)
{
    struct bit_option o = bit_verb_common[i];

    if (i == BIT_COMMON_QUIET && verb->quiet)
        o.help = verb->quiet;
    return o;
}

static void print_option(const struct bit_option *o, int columns)
{
    char left[64];

    snprintf(left, sizeof left, "%c%c%s --%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
             o->letter ? "," : " ", o->name, o->arg ? "=" : "", o->arg ? o->arg : "");
    printf("  %-26s ", left);
    bit_fold_wrapped(stdout, o->help, 29 + BIT_MAX((int)strlen(left) - 26, 0), 29, columns);
}

void bit_help(const struct bit_cli_verb *verb)
{
    const int columns = bit_fold_page_columns();
    const bool narrow = columns < BIT_FOLD_PAGE;
    const int edge = narrow ? columns : INT_MAX;
    const int usage = printf("usage: bitctl %s ", verb->name);
    bit_fold_wrapped(stdout, verb->synopsis, usage, 8, edge);
    printf("\n");
    bit_fold_paragraphs(stdout, verb->description, columns);
    printf(narrow ? "\nOptions:\n" : "\n\nOptions:\n");
    for (int i = 0; i < bit_verb_option_count(verb); i++)
        print_option(&verb->options[i], edge);
    for (int i = 0; i < BIT_COMMON_COUNT; i++) {
        const struct bit_option o = common_option(verb, i);
        print_option(&o, edge);
    }
    if (verb->examples)
        printf("\nExamples:\n%s\n", verb->examples);
}

static const char exit_codes[] =
    "0 done, or the run completed; 1 failed; 2 usage; 64 specification; 65 bad data, tokenizer or checkpoint;\n"
    "69 no daemon; 70 internal; 73 cannot write; 75 busy, try again; 77 not permitted; 78 configuration.\n"
    "`wait` and `--follow` also end with 100 run failed, 101 not finished in time, or ended without what was\n"
    "waited for, 102 no such run, 103 cancelled, 104 stopped by a rule, 105 could not be launched, 130 interrupted\n"
    "(the run goes on).\n";

static const char about[] =
    "Train language models in 16-bit and switch them to 1.58-bit while the run runs. bitctl asks; bitd does.\n\n";

static const char runs[] =
    "RUN is a run's id (r7), its name, or @last. A name means your own runs first, and @last is your own\n"
    "newest run. If several runs have the name, bitctl prints which one it takes; a verb that changes runs\n"
    "refuses an ambiguous name. Every verb has --help; every reading verb has --json, which `bitctl help\n"
    "json` explains. `bitctl help spec` has every field of a specification, `bitctl help presets` the presets\n"
    "that fill many of them.\n";

static const char first_run[] = "  $ bitd --log bitd.log &               # start the daemon for this user\n"
                                "  $ bitctl tokenize --tokenizer tokenizer.json -o tokens documents.jsonl.gz\n"
                                "  $ bitctl check run.txtpb              # the plan, and every mistake in it\n"
                                "  $ bitctl submit --follow run.txtpb\n"
                                "  $ bitctl switch @last --at 4000 --reset-optimizer    # while the run runs";

void bit_help_all(const struct bit_cli_verb *const *verbs)
{
    const int columns = bit_fold_page_columns();

    printf("usage: bitctl VERB [options] [words]\n\n");
    bit_fold_paragraphs(stdout, about, columns);
    for (size_t i = 0; verbs[i]; i++) {
        printf("  %-12s ", verbs[i]->name);
        bit_fold_wrapped(stdout, verbs[i]->summary, 15, 15, columns);
    }
    printf("\n");
    bit_fold_paragraphs(stdout, runs, columns);
    printf("\nA first run:\n%s\n\nExit codes:\n", first_run);
    bit_fold_paragraphs(stdout, exit_codes, columns);
}

/* ---- man pages */

#define MAN_COLUMNS 73 /* the longest line that man leaves alone in a terminal of 80 columns */

static void man_option(const struct bit_option *o)
{
    printf(".TP\n");
    if (o->letter)
        printf("\\fB\\-%c\\fR, ", o->letter);
    printf("\\fB\\-\\-%s\\fR", o->name);
    if (o->arg)
        printf("=\\fI%s\\fR", o->arg);
    printf("\n");
    bit_roff_text(stdout, o->help);
}

void bit_man_all(const struct bit_cli_verb *const *verbs)
{
    bit_roff_head(stdout, "bitctl", 1, "submit, watch and steer training runs of bitd");
    printf(".SH SYNOPSIS\n.B bitctl\n\\fIVERB\\fR [options] [words]\n");
    bit_roff_section(stdout, "VERBS");
    for (size_t i = 0; verbs[i]; i++)
        bit_roff_item(stdout, verbs[i]->name, verbs[i]->summary);
    bit_roff_section(stdout, "RUNS");
    bit_roff_text(stdout, runs);
    bit_roff_section(stdout, "EXAMPLES");
    bit_roff_lines(stdout, first_run);
    bit_roff_section(stdout, "EXIT STATUS");
    bit_roff_text(stdout, exit_codes);
    bit_roff_section(stdout, "ENVIRONMENT");
    bit_roff_item(stdout, "BITD_SOCKET", "The daemon's socket, or its state folder.");
    printf(".SH SEE ALSO\n.BR bitd (8)");
    for (size_t i = 0; verbs[i]; i++)
        printf(",\n.BR bitctl\\-%s (1)", verbs[i]->name);
    printf(",\n.BR bitctl\\-json (7),\n.BR bit\\-run (5),\n.BR bitd.conf (5)\n");
}

void bit_man(const struct bit_cli_verb *verb)
{
    char name[64];

    snprintf(name, sizeof name, "bitctl-%s", verb->name);
    bit_roff_head(stdout, name, 1, verb->summary);
    printf(".SH SYNOPSIS\n\\fBbitctl %s\\fR ", verb->name);
    bit_roff_text(stdout, verb->synopsis);
    bit_roff_section(stdout, "DESCRIPTION");
    bit_roff_text(stdout, verb->description);
    bit_roff_section(stdout, "OPTIONS");
    for (int i = 0; i < bit_verb_option_count(verb); i++)
        man_option(&verb->options[i]);
    for (int i = 0; i < BIT_COMMON_COUNT; i++) {
        const struct bit_option o = common_option(verb, i);
        man_option(&o);
    }
    if (verb->examples) {
        bit_roff_section(stdout, "EXAMPLES");
        bit_roff_lines(stdout, verb->examples);
    }
    bit_roff_section(stdout, "EXIT STATUS");
    bit_roff_text(stdout, exit_codes);
    bit_roff_see_also(stdout, "bitctl(1), bitctl-json(7), bit-run(5), bitd(8)");
}

void bit_help_json(const struct bit_cli_verb *const *verbs)
{
    bit_json_page_print(stdout, verbs, bit_fold_page_columns());
}

void bit_man_json(const struct bit_cli_verb *const *verbs)
{
    char *text = NULL;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);

    if (f == NULL)
        return;
    bit_json_page_print(f, verbs, MAN_COLUMNS);
    fclose(f);
    bit_roff_head(stdout, "bitctl-json", 7, "what bitctl prints with --json");
    bit_roff_section(stdout, "DESCRIPTION");
    bit_roff_lines(stdout, text);
    bit_roff_see_also(stdout, "bitctl(1)");
    free(text);
}
