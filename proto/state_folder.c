#include "proto/state_folder.h"

#include <stdio.h>
#include <stdlib.h>

void bit_state_folder_default(char *out, size_t room)
{
    const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    if (xdg != NULL && xdg[0] == '/')
        snprintf(out, room, "%s/bitd", xdg);
    else
        snprintf(out, room, "%s/.local/state/bitd", home != NULL ? home : "");
}
