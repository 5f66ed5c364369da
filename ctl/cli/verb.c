#include "ctl/cli/verb.h"

#include <string.h>

#include "proto/check.h"
#include "proto/text/nearest.h"

const struct bit_option bit_verb_common[] = {
    [BIT_COMMON_JSON] = {"json", 0, NULL, "Print JSON, one object a line; `bitctl help json` explains it."},
    [BIT_COMMON_QUIET] = {"quiet", 'q', NULL, "Print only what a script needs."},
    [BIT_COMMON_SOCKET] =
        {"socket", 0, "PATH",
         "The daemon's socket, or its state folder; default: $BITD_SOCKET, else the first that answers of "
         "$XDG_RUNTIME_DIR/bitd.sock, ~/.local/state/bitd/bitd.sock and /run/bitd/bitd.sock."},
    [BIT_COMMON_STATE] = {"state", 0, "DIR", "The daemon's state folder, in which it always has a socket, too."},
    [BIT_COMMON_HELP] = {"help", 'h', NULL, "Show this help."},
    {0},
};

const struct bit_cli_verb *bit_verb_find(const struct bit_cli_verb *const *verbs, const char *name)
{
    for (; *verbs; verbs++)
        if (strcmp((*verbs)->name, name) == 0)
            return *verbs;
    return NULL;
}

/* What other tools call the same verb. */
static const struct {
    const char *word, *verb;
} others[] = {
    {"list", "ps"},      {"ls", "ps"},           {"queue", "ps"},    {"logs", "log"},     {"kill", "cancel"},
    {"stop", "cancel"},  {"abort", "cancel"},    {"run", "submit"},  {"start", "submit"}, {"train", "submit"},
    {"follow", "top"},   {"watch", "top"},       {"show", "status"}, {"info", "status"},  {"continue", "resume"},
    {"compare", "diff"}, {"save", "checkpoint"}, {"remove", "rm"},   {"delete", "rm"},    {"gc", "prune"},
    {"clean", "prune"},
};

const struct bit_cli_verb *bit_verb_meant(const struct bit_cli_verb *const *verbs, const char *name)
{
    struct bit_nearest nearest;

    for (size_t i = 0; i < BIT_COUNT(others); i++)
        if (strcmp(others[i].word, name) == 0)
            return bit_verb_find(verbs, others[i].verb);
    bit_nearest_init(&nearest, name, strlen(name));
    for (size_t i = 0; verbs[i]; i++)
        bit_nearest_offer(&nearest, verbs[i]->name);
    return bit_nearest_name(&nearest) ? bit_verb_find(verbs, bit_nearest_name(&nearest)) : NULL;
}

const char *bit_verb_option_meant(const struct bit_cli_verb *verb, const char *word)
{
    struct bit_nearest nearest;

    if (strncmp(word, "--", 2) != 0)
        return NULL;
    bit_nearest_init(&nearest, word + 2, strcspn(word + 2, "="));
    for (int i = 0; i < bit_verb_option_count(verb); i++)
        bit_nearest_offer(&nearest, verb->options[i].name);
    for (int i = 0; i < BIT_COMMON_COUNT; i++)
        bit_nearest_offer(&nearest, bit_verb_common[i].name);
    return bit_nearest_name(&nearest);
}

int bit_verb_option_count(const struct bit_cli_verb *verb)
{
    int n = 0;

    while (verb->options && verb->options[n].name)
        n++;
    return n;
}
