/* bitd's default state folder. */
#ifndef BIT_PROTO_STATE_FOLDER_H
#define BIT_PROTO_STATE_FOLDER_H

#include <stddef.h>

/** $XDG_STATE_HOME/bitd, or ~/.local/state/bitd. Cut if it does not fit. */
void bit_state_folder_default(char *out, size_t room);

#endif
