/* Verbs that change a run: sent once, applied once, true when they return. */
#ifndef BIT_CTL_CHANGE_H
#define BIT_CTL_CHANGE_H

#include "ctl/cli/options.h"
#include "ctl/client/connection.h"

/* The help of --no-wait, for the verbs that have it. */
#define BIT_NO_WAIT_HELP "Return once bitd has taken the order, not once it is done."

/** The options of a verb that has no other than that. */
extern const struct bit_option bit_change_options[];

/**
 * The end of such a verb: after the last option exactly one word must follow, RUN. It and a new request id are written
 * into the request, which is sent; what bitd did is printed: "r7: paused after step 412 (event 431)".
 * got         what bit_options_next returned last
 * request     a message of `type` with fields run and request_id
 * Returns     the exit code
 */
int bit_change_end(struct bit_options *o, int got, int argc, char **argv, uint16_t type, void *request);

#endif
