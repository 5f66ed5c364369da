#include "ctl/cli/verb.h"

#include <string.h>

const struct bit_option bit_verb_common[] = {
    [BIT_COMMON_JSON] = {"json", 0, NULL, "Print JSON, one object a line, for programs."},
    [BIT_COMMON_QUIET] = {"quiet", 'q', NULL, "Print only what a script needs."},
    [BIT_COMMON_SOCKET] =
        {"socket", 0, "PATH",
         "The daemon's socket; default: $BITD_SOCKET, $XDG_RUNTIME_DIR/bitd.sock, the state folder's."},
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

int bit_verb_option_count(const struct bit_cli_verb *verb)
{
    int n = 0;

    while (verb->options && verb->options[n].name)
        n++;
    return n;
}
