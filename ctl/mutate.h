/* Verbs that change a run: sent once, applied once, true when they return. */
#ifndef BIT_CTL_MUTATE_H
#define BIT_CTL_MUTATE_H

#include "ctl/command.h"

/** Send the request and print what bitd did: "r7: paused after step 412 (event 431)". Returns the exit code. */
int bit_mutate(struct bit_cli *cli, uint16_t type, const void *request);

#endif
