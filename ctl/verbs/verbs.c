#include "ctl/verbs/verbs.h"

#include <stddef.h>

const struct bit_cli_verb *const bit_verbs[] = {
#define X(name) &bit_cmd_##name,
    BIT_VERB_TABLE(X)
#undef X
        NULL,
};
