/* Checks of a specification and of its submitter's rights, before any file that it names is looked at. */
#ifndef BIT_DAEMON_SUBMIT_CHECK_H
#define BIT_DAEMON_SUBMIT_CHECK_H

#include "daemon/client/connection/client.h"
#include "proto/text/problems.h"

/**
 * Fill in the defaults, with paths from `directory`, and check every rule: those of all specifications, and what this
 * bitd lets this client pass to launchers.
 * Errors      BIT_ESPEC, ...: the client has been refused then, with every problem that was found
 */
int bit_submit_check(struct bit_client *c, Bit__RunSpec *spec, const char *directory);
/** The same, with the problems in `problems` and without refusing the client. */
int bit_submit_check_spec(struct bit_client *c, Bit__RunSpec *spec, const char *directory,
                          struct bit_problems *problems);

#endif
