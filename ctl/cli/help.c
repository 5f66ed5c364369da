#include "ctl/cli/help.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "ctl/cli/json_page.h"

/* One that every verb takes, as this one takes it. */
static struct bit_option common_option(const struct bit_cli_verb *verb, int i)
{
    struct bit_option o = bit_verb_common[i];

    if (i == BIT_COMMON_QUIET && verb->quiet)
        o.help = verb->quiet;
    return o;
}

static void print_option(const struct bit_option *o)
{
    char left[64];

    snprintf(left, sizeof left, "%c%c%s --%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
             o->letter ? "," : " ", o->name, o->arg ? "=" : "", o->arg ? o->arg : "");
    printf("  %-26s %s\n", left, o->help);
}

void bit_help(const struct bit_cli_verb *verb)
{
    printf("usage: bitctl %s %s\n\n%s\n", verb->name, verb->synopsis, verb->description);
    printf("\nOptions:\n");
    for (int i = 0; i < bit_verb_option_count(verb); i++)
        print_option(&verb->options[i]);
    for (int i = 0; i < BIT_COMMON_COUNT; i++) {
        const struct bit_option o = common_option(verb, i);
        print_option(&o);
    }
    if (verb->examples)
        printf("\nExamples:\n%s\n", verb->examples);
}

static const char exit_codes[] =
    "0 done, or the run completed; 1 failed; 2 usage; 64 specification; 65 bad data, tokenizer or checkpoint;\n"
    "69 no daemon; 70 internal; 73 cannot write; 75 busy, try again; 77 not permitted; 78 configuration.\n"
    "`wait` and `--follow` also end with 100 run failed, 101 not finished in time, or ended without what was\n"
    "waited for, 102 no such run, 103 cancelled, 104 stopped by a rule, 105 could not be launched, 130 interrupted\n"
    "(the run goes on).";

void bit_help_all(const struct bit_cli_verb *const *verbs)
{
    printf(
        "usage: bitctl VERB [options] [words]\n\n"
        "Train language models in 16-bit and switch them to 1.58-bit while the run runs. bitctl asks; bitd does.\n\n");
    for (size_t i = 0; verbs[i]; i++)
        printf("  %-12s %s\n", verbs[i]->name, verbs[i]->summary);
    printf("\nRUN is a run's id (r7), its name, or @last. A name means your own runs first, and @last is the newest\n"
           "of yours, never another's. Which of several of a name is taken is said, and none is changed in doubt.\n"
           "Every verb has --help; every reading verb has --json, which `bitctl help json` explains.\n\n"
           "A first run:\n"
           "  $ bitd --log bitd.log &                              # start the daemon for this user\n"
           "  $ bitctl tokenize --tokenizer tokenizer.json --output tokens documents.jsonl.gz\n"
           "  $ bitctl check run.txtpb                             # what it would do, and every mistake in it\n"
           "  $ bitctl submit --follow run.txtpb\n"
           "  $ bitctl switch @last --at 4000 --reset-optimizer    # move the switch while the run runs\n\n"
           "Exit codes:\n%s\n",
           exit_codes);
}

/* ---- man pages */

/* Text into roff: a leading dot or quote would be a request, a backslash an escape, a hyphen a typographic one. */
static void man_text(const char *text)
{
    bool line_start = true;

    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\''))
            printf("\\&");
        if (*text == '\\')
            printf("\\e");
        else if (*text == '-')
            printf("\\-");
        else if (*text == '\n' && text[1] == '\n') {
            printf("\n.PP");
            continue;
        } else
            putchar(*text);
        line_start = *text == '\n';
    }
    putchar('\n');
}

/* Lines that stay as they are, empty ones too. */
static void man_lines(const char *text)
{
    char line[256];

    for (; *text; text += strcspn(text, "\n") + 1) {
        snprintf(line, sizeof line, "%.*s", (int)strcspn(text, "\n"), text);
        man_text(line);
    }
}

static void man_option(const struct bit_option *o)
{
    printf(".TP\n");
    if (o->letter)
        printf("\\fB\\-%c\\fR, ", o->letter);
    printf("\\fB\\-\\-%s\\fR", o->name);
    if (o->arg)
        printf("=\\fI%s\\fR", o->arg);
    printf("\n");
    man_text(o->help);
}

static void man_head(const char *name, int section, const char *summary)
{
    char upper[64];
    size_t i = 0;

    for (; name[i] && i + 1 < sizeof upper; i++)
        upper[i] = (char)toupper((unsigned char)name[i]);
    upper[i] = '\0';
    printf(".TH \"%s\" %d \"\" \"bitd %s\" \"bitd\"\n.SH NAME\n%s \\- ", upper, section, BIT_VERSION, name);
    man_text(summary);
}

void bit_man_all(const struct bit_cli_verb *const *verbs)
{
    man_head("bitctl", 1, "submit, watch and steer training runs of bitd");
    printf(".SH SYNOPSIS\n.B bitctl\n\\fIVERB\\fR [options] [words]\n.SH VERBS\n");
    for (size_t i = 0; verbs[i]; i++) {
        printf(".TP\n.B %s\n", verbs[i]->name);
        man_text(verbs[i]->summary);
    }
    printf(".SH EXIT STATUS\n");
    man_text(exit_codes);
    printf(".SH ENVIRONMENT\n.TP\n.B BITD_SOCKET\nThe daemon's socket, or its state folder.\n");
    printf(".SH SEE ALSO\n.BR bitd (1)");
    for (size_t i = 0; verbs[i]; i++)
        printf(",\n.BR bitctl-%s (1)", verbs[i]->name);
    printf(",\n.BR bitctl-json (7)\n");
}

void bit_man(const struct bit_cli_verb *verb)
{
    char name[64];

    snprintf(name, sizeof name, "bitctl-%s", verb->name);
    man_head(name, 1, verb->summary);
    printf(".SH SYNOPSIS\n\\fBbitctl %s\\fR ", verb->name);
    man_text(verb->synopsis);
    printf(".SH DESCRIPTION\n");
    man_text(verb->description);
    printf(".SH OPTIONS\n");
    for (int i = 0; i < bit_verb_option_count(verb); i++)
        man_option(&verb->options[i]);
    for (int i = 0; i < BIT_COMMON_COUNT; i++) {
        const struct bit_option o = common_option(verb, i);
        man_option(&o);
    }
    if (verb->examples) {
        printf(".SH EXAMPLES\n.nf\n");
        man_text(verb->examples);
        printf(".fi\n");
    }
    printf(".SH EXIT STATUS\n");
    man_text(exit_codes);
    printf(".SH SEE ALSO\n.BR bitctl (1), bitctl-json (7), bitd (1)\n");
}

void bit_help_json(const struct bit_cli_verb *const *verbs)
{
    bit_json_page_print(stdout, verbs);
}

void bit_man_json(const struct bit_cli_verb *const *verbs)
{
    char *text = NULL;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);

    if (f == NULL)
        return;
    bit_json_page_print(f, verbs);
    fclose(f);
    man_head("bitctl-json", 7, "what bitctl prints with --json");
    printf(".SH DESCRIPTION\n.nf\n");
    man_lines(text);
    printf(".fi\n.SH SEE ALSO\n.BR bitctl (1)\n");
    free(text);
}
