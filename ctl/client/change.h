/* Verbs that change a run: the request is applied once, and without --no-wait it is done when they return. */
#ifndef BIT_CTL_CHANGE_H
#define BIT_CTL_CHANGE_H

#include "ctl/cli/options.h"
#include "ctl/client/connection.h"
#include "proto/limits.h"

/* The help of --no-wait, for the verbs that have it. */
#define BIT_NO_WAIT_HELP "Return once bitd has accepted the request, without waiting until it is done."

/* A paragraph in the help of verbs that take several runs. */
#define BIT_EACH_RUN_HELP                                                                                              \
    "With several runs, all requests are sent before bitctl waits for the first. Each run gets a line; the\n"          \
    "exit code is the first that is not 0."

/* The same for verbs that take sweeps. */
#define BIT_SWEEP_TOO_HELP "A sweep (its id, s1, or its name) means all its runs, also those that have not begun yet."

/** The options of a verb that has only --no-wait. */
extern const struct bit_option bit_change_options[];
/** Takes --no-wait (bit_options): `request` is a message with a field no_wait. */
int bit_change_take_no_wait(void *request, int option, const char *value);

/**
 * Send a request with a new request id, and print what bitd did: "r7: paused after step 412 (event 431)".
 * request     a message of `type` with fields run and request_id; run is set
 * Returns     the exit code
 */
int bit_change_send(struct bit_cli *cli, uint16_t type, void *request);
/**
 * The same; found gets the id of the run that was changed, if it was. A verb that sends several requests sends the
 * others with it, because a name or @last may mean another run by then.
 */
int bit_change_send_found(struct bit_cli *cli, uint16_t type, void *request, char found[BIT_RUN_ID_MAX]);

/**
 * Do the same to each of the command line's words, which are runs. All runs are ordered before the first is waited for,
 * and a line is printed for each.
 * request     as above; fields run, request_id and no_wait are set here
 * Returns     the exit code: the first that is not 0
 */
int bit_change_each(const struct bit_options *o, uint16_t type, void *request);

#endif
