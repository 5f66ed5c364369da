/* Proves to a bitd of another user that we may read the files that we submit: daemon/client/submit/proof.h. */
#ifndef BIT_CTL_PROVE_H
#define BIT_CTL_PROVE_H

#include "ctl/client/connection.h"

/**
 * Open the files of our own submission that bitd asks for, and send it their descriptors. Errors: as
 * bit_connection_send; BIT_EMESSAGE if it asks for files that are not of the submission.
 */
int bit_prove(struct bit_connection *c, const Bit__SubmitRequest *submitted, const Bit__ProveCall *asked);
/**
 * The same for a sweep: the files are those of its first branch, because all branches have the same ones
 * (daemon/client/sweep/sweep.c). Errors: also BIT_ESPEC, of its assignments; -ENOMEM
 */
int bit_prove_sweep(struct bit_connection *c, const Bit__SweepRequest *submitted, const Bit__ProveCall *asked);

#endif
