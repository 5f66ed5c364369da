#include "ctl/cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cli/failure.h"
#include "ctl/cli/help.h"
#include "ctl/show/fold.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/text/nearest.h"

#define OPTIONS_MAX 32

enum { END = -1, HELPED = -2, MISTAKEN = -3 }; /* instead of an option: none is left, --help was printed, a mistake */

/* getopt's tables: values from 1000 are the verb's own options in order, those from 2000 the common ones. */
static void build_tables(const struct bit_cli_verb *verb, struct option *longs, char *shorts)
{
    int n = 0, own = bit_verb_option_count(verb);

    BIT_ASSERT(own + BIT_COMMON_COUNT < OPTIONS_MAX);
    *shorts++ = ':';
    for (int i = 0; i < own + BIT_COMMON_COUNT; i++) {
        const struct bit_option *o = i < own ? &verb->options[i] : &bit_verb_common[i - own];
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
    for (int i = 0; i < bit_verb_option_count(verb); i++)
        if (verb->options[i].letter == letter)
            return 1000 + i;
    for (int i = 0; i < BIT_COMMON_COUNT; i++)
        if (bit_verb_common[i].letter == letter)
            return 2000 + i;
    return letter;
}

static int take_common(const struct bit_options *o, int which)
{
    switch (which) {
    case BIT_COMMON_JSON:
        o->cli->json = true;
        return 0;
    case BIT_COMMON_QUIET:
        o->cli->quiet = true;
        return 0;
    case BIT_COMMON_SOCKET:
    case BIT_COMMON_STATE: /* a folder means the socket in it */
        o->cli->socket = optarg;
        return 0;
    default:
        bit_help(o->verb);
        return HELPED;
    }
}

static void refuse_option(const struct bit_cli_verb *verb, const char *word)
{
    const char *meant = bit_verb_option_meant(verb, word);

    bit_usage(verb, "there is no %s%s%s%s", word, meant ? "; did you mean --" : "", meant ? meant : "",
              meant ? "?" : "");
}

/* The first word that the synopsis asks for, such as RUN. */
static const char *first_word(const struct bit_cli_verb *verb, char out[16])
{
    size_t n = 0;

    while (n + 1 < 16 && isupper((unsigned char)verb->synopsis[n]))
        n++;
    memcpy(out, verb->synopsis, n);
    out[n] = '\0';
    return n > 0 ? out : NULL;
}

/* getopt's '?' and ':' */
static void refuse(const struct bit_cli_verb *verb, int got, const char *word)
{
    if (got == ':')
        bit_usage(verb, "%s needs a value", word);
    else if (optopt && optopt < 1000)
        bit_usage(verb, "there is no -%c", optopt);
    else if (optopt >= 1000)
        bit_usage(verb, "%s takes no value", word);
    else
        refuse_option(verb, word);
}

/* The index in verb->options of the next option, whose value is in optarg. Common options are taken here. */
static int next(const struct bit_options *o, int argc, char **argv)
{
    struct option longs[OPTIONS_MAX];
    char shorts[2 * OPTIONS_MAX + 2];

    build_tables(o->verb, longs, shorts);
    opterr = 0;
    for (;;) {
        int got = getopt_long(argc, argv, shorts, longs, NULL);
        if (got == -1)
            return END;
        if (got == '?' || got == ':') {
            refuse(o->verb, got, argv[optind - 1]);
            return MISTAKEN;
        }
        if (got < 1000)
            got = letter_to_value(o->verb, got);
        if (got < 2000)
            return got - 1000;
        if (take_common(o, got - 2000) == HELPED)
            return HELPED;
    }
}

static int check_words(const struct bit_options *o)
{
    char name[16];

    if (o->words < o->least)
        return o->least == 1 && first_word(o->verb, name) ? bit_usage(o->verb, "which %s?", name)
                                                          : bit_usage(o->verb, "an argument is missing");
    if (o->words > o->most)
        return bit_usage(o->verb, "'%s' is one word too many", o->word[o->most]);
    return -1;
}

int bit_options_parse(struct bit_options *o, int argc, char **argv)
{
    int got;

    while ((got = next(o, argc, argv)) >= 0) {
        const int code = o->take(o->arg, got, optarg);
        if (code != 0)
            return code;
    }
    if (got != END)
        return got == HELPED ? BIT_EXIT_OK : BIT_EXIT_USAGE;
    o->word = argv + optind;
    o->words = argc - optind;
    return check_words(o);
}

static bool usage_in_json;

void bit_usage_in_json(bool json)
{
    usage_in_json = json;
}

int bit_usage(const struct bit_cli_verb *verb, const char *fmt, ...)
{
    struct bit_cli cli = {.json = true};
    char text[BIT_ERR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    bit_vformat(text, sizeof text, fmt, args);
    va_end(args);
    if (usage_in_json)
        return bit_failure_print(&cli, bit_fail(BIT_EUSAGE, "%s: %s", verb->name, text));
    bit_fold_show(stderr, "bitctl %s: %s\nusage: bitctl %s %s\nTry `bitctl %s --help`.\n", verb->name, text, verb->name,
                  verb->synopsis, verb->name);
    return BIT_EXIT_USAGE;
}

bool bit_parse_u64(const char *text, uint64_t *out)
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

int bit_options_number(const struct bit_cli_verb *verb, int option, const char *value, uint64_t least, uint64_t most,
                       uint64_t *out)
{
    const char *name = verb->options[option].name;
    uint64_t n = 0;

    if (bit_parse_u64(value, &n) && n >= least && n <= most) {
        *out = n;
        return 0;
    }
    if (most < UINT32_MAX || n > most) /* a bound that is far away is named only if it is exceeded */
        return bit_usage(verb, "--%s takes %" PRIu64 " to %" PRIu64 ", not '%s'", name, least, most, value);
    if (least > 0)
        return bit_usage(verb, "--%s takes a number from %" PRIu64 " on, not '%s'", name, least, value);
    return bit_usage(verb, "--%s takes a number, not '%s'", name, value);
}

int bit_usage_names(const struct bit_cli_verb *verb, const char *what, const char *word, const char *const *names)
{
    char list[256] = "", hint[BIT_NEAREST_HINT];

    for (size_t i = 0; names[i] != NULL; i++)
        bit_format_more(list, sizeof list, "%s%s", i == 0 ? "" : names[i + 1] != NULL ? ", " : " or ", names[i]);
    if (word == NULL)
        return bit_usage(verb, "%s is missing: it takes %s", what, list);
    return bit_usage(verb, "%s takes %s, not '%s'%s", what, list, word, bit_nearest_hint(word, names, hint));
}
