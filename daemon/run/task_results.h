/* The newest result of each task of a run in each precision, and the partial result of the task in progress. */
#ifndef BIT_DAEMON_TASK_RESULTS_H
#define BIT_DAEMON_TASK_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

struct bit_task_results {
    Bit__TaskResult **result; /* in the order of their first results */
    size_t count;
    Bit__TaskResult *so_far; /* the task in progress, without a score; or NULL */
    uint64_t task_items;     /* of so_far */
    struct {
        bool begun;
        uint64_t after_step, items;
        double ms;
    } evaluation; /* the last one, over all of its tasks */
};

/**
 * Apply a journalled record. A zeroed *t is valid. Errors: -ENOMEM; BIT_ECORRUPT if it does not follow the part before.
 */
int bit_task_results_note(struct bit_task_results *t, const Bit__TaskScored *m);
/** The evaluation in progress is not continued. */
void bit_task_results_forget(struct bit_task_results *t);
void bit_task_results_finish(struct bit_task_results *t);

#endif
