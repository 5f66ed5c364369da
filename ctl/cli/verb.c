#include "ctl/cli/verb.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "ctl/show/show.h"
#include "proto/check.h"
#include "proto/err.h"

#define OPTIONS_MAX 32

static const struct bit_option common[] = {
    {"json", 0, NULL, "Print JSON, one object a line, for programs."},
    {"quiet", 'q', NULL, "Print only what a script needs."},
    {"socket", 0, "PATH",
     "The daemon's socket; default: $BITD_SOCKET, $XDG_RUNTIME_DIR/bitd.sock, the state folder's."},
    {"help", 'h', NULL, "Show this help."},
    {0},
};
enum { COMMON_JSON, COMMON_QUIET, COMMON_SOCKET, COMMON_HELP, COMMON_COUNT };

const struct bit_cli_verb *bit_verb_find(const char *name)
{
    for (size_t i = 0; bit_verbs[i]; i++)
        if (strcmp(bit_verbs[i]->name, name) == 0)
            return bit_verbs[i];
    return NULL;
}

static int option_count(const struct bit_option *options)
{
    int n = 0;
    while (options && options[n].name)
        n++;
    return n;
}

/* getopt's tables: values from 1000 are the verb's own options in order, from 2000 the common ones. */
static void build_tables(const struct bit_cli_verb *verb, struct option *longs, char *shorts)
{
    int n = 0, own = option_count(verb->options);

    BIT_ASSERT(own + COMMON_COUNT < OPTIONS_MAX);
    *shorts++ = ':';
    for (int i = 0; i < own + COMMON_COUNT; i++) {
        const struct bit_option *o = i < own ? &verb->options[i] : &common[i - own];
        longs[n++] = (struct option){o->name, o->arg ? required_argument : no_argument, NULL,
                                     i < own ? 1000 + i : 2000 + i - own};
        if (o->letter) {
            *shorts++ = o->letter;
            if (o->arg)
                *shorts++ = ':';
        }
    }
    longs[n] = (struct option){0};
    *shorts = '\0';
}

static int letter_to_value(const struct bit_cli_verb *verb, int letter)
{
    for (int i = 0; i < option_count(verb->options); i++)
        if (verb->options[i].letter == letter)
            return 1000 + i;
    for (int i = 0; i < COMMON_COUNT; i++)
        if (common[i].letter == letter)
            return 2000 + i;
    return letter;
}

static int take_common(struct bit_options *o, int which)
{
    switch (which) {
    case COMMON_JSON:
        o->cli->json = true;
        return 0;
    case COMMON_QUIET:
        o->cli->quiet = true;
        return 0;
    case COMMON_SOCKET:
        o->cli->socket = optarg;
        return 0;
    default:
        bit_help(o->verb);
        return BIT_OPTIONS_EXIT;
    }
}

int bit_options_next(struct bit_options *o, int argc, char **argv)
{
    struct option longs[OPTIONS_MAX];
    char shorts[2 * OPTIONS_MAX + 2];

    build_tables(o->verb, longs, shorts);
    opterr = 0;
    for (;;) {
        int got = getopt_long(argc, argv, shorts, longs, NULL);
        if (got == -1) {
            o->rest = optind;
            return BIT_OPTIONS_END;
        }
        if (got == '?' || got == ':') {
            if (got == ':')
                bit_usage(o->verb, "%s needs a value", argv[optind - 1]);
            else if (optopt && optopt < 1000)
                bit_usage(o->verb, "there is no -%c", optopt);
            else if (optopt >= 1000)
                bit_usage(o->verb, "%s takes no value", argv[optind - 1]);
            else
                bit_usage(o->verb, "there is no %s", argv[optind - 1]);
            return BIT_OPTIONS_USAGE;
        }
        if (got < 1000)
            got = letter_to_value(o->verb, got);
        if (got < 2000) {
            o->value = optarg;
            return got - 1000;
        }
        if (take_common(o, got - 2000) == BIT_OPTIONS_EXIT)
            return BIT_OPTIONS_EXIT;
    }
}

int bit_options_end(struct bit_options *o, int got, int argc, char **argv, int words)
{
    if (got == BIT_OPTIONS_EXIT)
        return BIT_EXIT_OK;
    if (got == BIT_OPTIONS_USAGE)
        return BIT_EXIT_USAGE;
    BIT_ASSERT(got == BIT_OPTIONS_END);
    if (argc - o->rest < words)
        return bit_usage(o->verb, "%s", words == 1 ? "which RUN?" : "something is missing");
    if (argc - o->rest > words)
        return bit_usage(o->verb, "'%s' is one word too many", argv[o->rest + words]);
    return -1;
}

int bit_usage(const struct bit_cli_verb *verb, const char *fmt, ...)
{
    va_list args;

    bit_show(stderr, "bitctl %s: ", verb->name);
    va_start(args, fmt);
    bit_show_args(stderr, fmt, args);
    va_end(args);
    bit_show(stderr, "\nusage: bitctl %s %s\nTry `bitctl %s --help`.\n", verb->name, verb->synopsis, verb->name);
    return BIT_EXIT_USAGE;
}

bool bit_parse_u64(const char *text, unsigned long long *out)
{
    char *end;

    if (!text || !isdigit((unsigned char)*text))
        return false;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (errno || *end)
        return false;
    *out = v;
    return true;
}

/* ---- help ---- */

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
    for (int i = 0; i < option_count(verb->options); i++)
        print_option(&verb->options[i]);
    for (int i = 0; i < COMMON_COUNT; i++)
        print_option(&common[i]);
    if (verb->examples)
        printf("\nExamples:\n%s\n", verb->examples);
}

static const char exit_codes[] =
    "0 done, or the run completed; 1 failed; 2 usage; 64 specification; 65 corrupt data or checkpoint; 69 no daemon;\n"
    "70 internal; 73 cannot write; 75 busy, try again; 77 not permitted; 78 configuration. `wait` and `--follow` also "
    "end\n"
    "with 100 run failed, 101 not finished in time, 102 no such run, 103 cancelled, 104 stopped by a rule.";

void bit_help_all(void)
{
    printf(
        "usage: bitctl VERB [options] [words]\n\n"
        "Train language models in 16-bit and switch them to 1.58-bit while the run runs. bitctl asks; bitd does.\n\n");
    for (size_t i = 0; bit_verbs[i]; i++)
        printf("  %-12s %s\n", bit_verbs[i]->name, bit_verbs[i]->summary);
    printf("\nRUN is a run's id (r7), its name, or @last; a name and @last mean your own runs first.\n"
           "Every verb has --help; every reading verb has --json.\n\n"
           "A first run:\n"
           "  $ bitd &                                          start the daemon for this user\n"
           "  $ bitctl tokenize --tokenizer tokenizer.json --output tokens documents.jsonl.gz\n"
           "  $ bitctl submit --dry-run run.txtpb               what it would do, and every mistake in it\n"
           "  $ bitctl submit --follow run.txtpb\n"
           "  $ bitctl switch @last --at 4000 --reset-optimizer move the switch while the run runs\n\n"
           "Exit codes:\n%s\n",
           exit_codes);
}

/* ---- man pages ---- */

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

static void man_head(const char *name, const char *summary)
{
    char upper[64];
    size_t i = 0;

    for (; name[i] && i + 1 < sizeof upper; i++)
        upper[i] = (char)toupper((unsigned char)name[i]);
    upper[i] = '\0';
    printf(".TH \"%s\" 1 \"\" \"bitd %s\" \"bitd\"\n.SH NAME\n%s \\- ", upper, BIT_VERSION, name);
    man_text(summary);
}

static void man_top(void)
{
    man_head("bitctl", "submit, watch and steer training runs of bitd");
    printf(".SH SYNOPSIS\n.B bitctl\n\\fIVERB\\fR [options] [words]\n.SH VERBS\n");
    for (size_t i = 0; bit_verbs[i]; i++) {
        printf(".TP\n.B %s\n", bit_verbs[i]->name);
        man_text(bit_verbs[i]->summary);
    }
    printf(".SH EXIT STATUS\n");
    man_text(exit_codes);
    printf(".SH ENVIRONMENT\n.TP\n.B BITD_SOCKET\nThe daemon's socket.\n.SH SEE ALSO\n.BR bitd (1)");
    for (size_t i = 0; bit_verbs[i]; i++)
        printf(",\n.BR bitctl-%s (1)", bit_verbs[i]->name);
    printf("\n");
}

void bit_man(const struct bit_cli_verb *verb)
{
    char name[64];

    if (!verb) {
        man_top();
        return;
    }
    snprintf(name, sizeof name, "bitctl-%s", verb->name);
    man_head(name, verb->summary);
    printf(".SH SYNOPSIS\n\\fBbitctl %s\\fR ", verb->name);
    man_text(verb->synopsis);
    printf(".SH DESCRIPTION\n");
    man_text(verb->description);
    printf(".SH OPTIONS\n");
    for (int i = 0; i < option_count(verb->options); i++)
        man_option(&verb->options[i]);
    for (int i = 0; i < COMMON_COUNT; i++)
        man_option(&common[i]);
    if (verb->examples) {
        printf(".SH EXAMPLES\n.nf\n");
        man_text(verb->examples);
        printf(".fi\n");
    }
    printf(".SH EXIT STATUS\n");
    man_text(exit_codes);
    printf(".SH SEE ALSO\n.BR bitctl (1), bitd (1)\n");
}
