/* Asking bitworker what a specification takes, before anything is promised. */
#ifndef BIT_DAEMON_PLAN_QUERY_H
#define BIT_DAEMON_PLAN_QUERY_H

#include <stdbool.h>

#include "proto/bit.pb-c.h"

struct bit_env;

struct bit_plan_query {
    Bit__WorkerReady *ready; /* NULL if there is no answer */
    bool refused;            /* it ran, and said no */
    char text[1024];         /* why there is no answer */
};

/* The plan is borrowed for the call. */
typedef void bit_plan_query_done(void *arg, const struct bit_plan_query *plan);

/**
 * Run `bitworker --plan SPECFILE`, which answers one WorkerReady frame on stdout. done is always called, from the loop.
 * Errors      -errno, -ENOMEM; done is not called then
 */
int bit_plan_query_start(const struct bit_env *env, const Bit__RunSpec *spec, bit_plan_query_done *done, void *arg);

#endif
