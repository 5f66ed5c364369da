/* The newest result of each task of a run in each precision, and what is known of the one at work. */
#ifndef BIT_DAEMON_TASK_RESULTS_H
#define BIT_DAEMON_TASK_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

struct bit_task_results {
    Bit__TaskResult **result; /* in the order in which they first came */
    size_t count;
    Bit__TaskResult *so_far; /* of the task whose last document is not scored yet, without a score; or NULL */
    uint64_t task_items;     /* of so_far */
    struct {
        bool begun;
        uint64_t after_step, items;
        double ms;
    } evaluation; /* the last one: what its tasks came to together */
};

/** Take a journalled record in. Zero is a good start. Errors: -ENOMEM; BIT_ECORRUPT if it follows on nothing. */
int bit_task_results_note(struct bit_task_results *t, const Bit__TaskScored *m);
/** The evaluation that was at work is not gone on with. */
void bit_task_results_forget(struct bit_task_results *t);
void bit_task_results_finish(struct bit_task_results *t);

#endif
