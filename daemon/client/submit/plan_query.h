/* Asking bitworker what a specification takes, before anything is promised. */
#ifndef BIT_DAEMON_PLAN_QUERY_H
#define BIT_DAEMON_PLAN_QUERY_H

#include "proto/dryrun/plan_answer.h"

struct bit_env;

/* The plan is borrowed for the call. */
typedef void bit_plan_query_done(void *arg, const struct bit_plan_answer *plan);

/**
 * Run `bitworker --plan SPECFILE`, which answers one WorkerReady frame on stdout. done is always called, from the loop.
 * Errors      -errno, -ENOMEM; done is not called then
 */
int bit_plan_query_start(const struct bit_env *env, const Bit__RunSpec *spec, bit_plan_query_done *done, void *arg);

#endif
