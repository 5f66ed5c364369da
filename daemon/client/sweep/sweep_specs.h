/* The branches of a new sweep: makes and checks their specifications, and plans where each begins. */
#ifndef BIT_DAEMON_SWEEP_SPECS_H
#define BIT_DAEMON_SWEEP_SPECS_H

#include "daemon/client/connection/client.h"
#include "proto/bit.pb-c.h"

/**
 * Make and check every branch by the rules for a specification, and plan them. NULL with the client refused, with the
 * problems of all branches at once.
 * Ownership   the result and *progress are the caller's, freed by bit_msg_free
 */
Bit__SweepPlanned *bit_sweep_specs_make(struct bit_client *c, const Bit__SweepRequest *m,
                                        Bit__SweepProgress **progress);

#endif
