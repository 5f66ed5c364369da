/* The answer of `bitworker --plan` to a specification: the memory plan of a rank, or the reason why there is none. */
#ifndef BIT_PROTO_PLAN_ANSWER_H
#define BIT_PROTO_PLAN_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/bit.pb-c.h"
#include "proto/child_output.h"

struct bit_plan_answer {
    Bit__WorkerReady *ready; /* NULL if there is no plan */
    bool refused;            /* the worker ran, and refused the specification */
    char text[1024];         /* why there is no plan */
};

/** Read the output of the worker at path `worker`. Freed by bit_plan_answer_finish. */
void bit_plan_answer_take(const struct bit_child_output *r, const char *worker, struct bit_plan_answer *out);
void bit_plan_answer_finish(struct bit_plan_answer *answer);
/** Check that a rank's memory is available; passes if there is no plan. Errors: BIT_EMEMORY. */
int bit_plan_answer_fits(const struct bit_plan_answer *answer, const Bit__LaunchSpec *launch);
/** The path of bitworker: beside this program if installed, in the sibling folder of a build tree, else from PATH. */
void bit_plan_answer_find_worker(char *out, size_t room);

#endif
