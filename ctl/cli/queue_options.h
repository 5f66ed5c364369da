/* --priority and --after, for every verb that makes runs. */
#ifndef BIT_CTL_QUEUE_OPTIONS_H
#define BIT_CTL_QUEUE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/cli/verb.h"
#include "proto/limits.h"

#define BIT_PRIORITY_HELP                                                                                              \
    "Queued runs with the highest N begin first, among equals those submitted first; -1000 to 1000, default: 0."
#define BIT_AFTER_HELP                                                                                                 \
    "Begin after RUN (or every run of a sweep) has ended, in whatever state; ok:RUN: only if it completed. May be "    \
    "repeated."

/* Two rows of a verb's options. */
#define BIT_QUEUE_OPTIONS                                                                                              \
    {"priority", 0, "N", BIT_PRIORITY_HELP},                                                                           \
    {                                                                                                                  \
        "after", 0, "RUN", BIT_AFTER_HELP                                                                              \
    }

struct bit_queue_options {
    bool has_priority;
    int32_t priority;
    char *after[BIT_AFTER_MAX]; /* borrowed from the command line */
    size_t after_count;
};

/** Sets the fields of a request for a new run. The request borrows the texts. */
#define BIT_QUEUE_OPTIONS_COPY(request, queue)                                                                         \
    do {                                                                                                               \
        (request)->has_priority = (queue)->has_priority;                                                               \
        (request)->priority = (queue)->priority;                                                                       \
        (request)->after = (char **)(uintptr_t)(queue)->after;                                                         \
        (request)->n_after = (queue)->after_count;                                                                     \
    } while (0)

/** Returns 0, or the exit code after the mistake was printed. */
int bit_queue_options_priority(const struct bit_cli_verb *verb, struct bit_queue_options *q, const char *value);
int bit_queue_options_after(const struct bit_cli_verb *verb, struct bit_queue_options *q, const char *value);

#endif
