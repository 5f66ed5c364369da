/* Asks `bitworker --plan` what a specification takes, before its submission is answered. */
#ifndef BIT_DAEMON_PLAN_QUERY_H
#define BIT_DAEMON_PLAN_QUERY_H

#include "proto/dryrun/plan_answer.h"

struct bit_env;

/* `plan` is valid during the call only. */
typedef void bit_plan_query_done(void *arg, const struct bit_plan_answer *plan);

/**
 * Run `bitworker --plan SPECFILE`, which answers one WorkerReady frame on stdout. done is always called, from the loop.
 * Errors      -errno, -ENOMEM; done is not called then
 */
int bit_plan_query_start(const struct bit_env *env, const Bit__RunSpec *spec, bit_plan_query_done *done, void *arg);

#endif
