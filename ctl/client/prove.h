/* Showing a bitd of another user that we may read what we submit: daemon/client/proof.h. */
#ifndef BIT_CTL_PROVE_H
#define BIT_CTL_PROVE_H

#include "ctl/client/connection.h"

/** Open the files of our own submission that bitd asks for, and send it their descriptors. Errors: as
 * bit_connection_send; BIT_EMESSAGE if it asks for files that the submission has not. */
int bit_prove(struct bit_connection *c, const Bit__SubmitRequest *submitted, const Bit__ProveCall *asked);

#endif
