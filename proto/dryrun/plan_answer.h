/* What `bitworker --plan` says of a specification: the memory of a rank, or why there can be none. */
#ifndef BIT_PROTO_PLAN_ANSWER_H
#define BIT_PROTO_PLAN_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/bit.pb-c.h"
#include "proto/child_output.h"

struct bit_plan_answer {
    Bit__WorkerReady *ready; /* NULL if there is no answer */
    bool refused;            /* it ran, and said no */
    char text[1024];         /* why there is no answer */
};

/** From what the worker at that path printed. bit_plan_answer_finish ends it. */
void bit_plan_answer_take(const struct bit_child_output *r, const char *worker, struct bit_plan_answer *out);
void bit_plan_answer_finish(struct bit_plan_answer *answer);
/** A rank's memory is there. Where there is no answer, nothing is known against it. Errors: BIT_EMEMORY. */
int bit_plan_answer_fits(const struct bit_plan_answer *answer, const Bit__LaunchSpec *launch);
/** bitworker beside this program where both are installed, in a build tree its sibling folder's, else PATH's. */
void bit_plan_answer_find_worker(char *out, size_t room);

#endif
