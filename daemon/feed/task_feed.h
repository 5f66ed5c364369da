/* From request files to the payload of a score order, and from a report's sums to counts and a score. */
#ifndef BIT_DAEMON_TASK_FEED_H
#define BIT_DAEMON_TASK_FEED_H

#include "daemon/link/payload.h"
#include "daemon/run/orders/task_orders.h"
#include "proto/bit.pb-c.h"
#include "proto/data/request_file.h"

/* The request files of a run's tasks, in memory. Read-only, for any thread. */
struct bit_task_feed;

/**
 * Read the files that a specification names; bit_task_look has filled it in. Blocking.
 * Errors      as bit_request_file_open; BIT_EDATA if a file changed since the run was submitted
 */
int bit_task_feed_create(const Bit__RunSpec *spec, struct bit_task_feed **out);
void bit_task_feed_destroy(struct bit_task_feed *feed);

/* The lengths of each request in a payload. Owned: bit_task_requests_finish, which accepts a zeroed one. */
struct bit_task_requests {
    size_t count;
    uint32_t *tokens, *continuation;
};
void bit_task_requests_finish(struct bit_task_requests *r);

/**
 * The requests of a part, cut to the model's context: their lengths, and ids sealed for launch `epoch`. Errors:
 * -ENOMEM.
 */
int bit_task_feed_part(const struct bit_task_feed *feed, const struct bit_task_order *part, uint64_t epoch,
                       struct bit_payload **payload, struct bit_task_requests *requests);

/**
 * Turn a report of a part into a record with its sums and counts; with a task's last part it also has the task's
 * result, over all parts. The report must have one sum for each item of the part. A sum that is not finite becomes the
 * least finite float.
 * before      the result of the parts before; NULL with the first
 * Errors      BIT_EWORKER; -ENOMEM
 * *out        the caller's: bit_msg_free
 */
int bit_task_feed_judge(const struct bit_task_feed *feed, const struct bit_task_order *part, Bit__ScoreReport *report,
                        const Bit__TaskResult *before, Bit__TaskScored **out);

#endif
