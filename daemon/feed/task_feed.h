/* From request files to the payload of a score order, and from a report's sums to counts and a score. */
#ifndef BIT_DAEMON_TASK_FEED_H
#define BIT_DAEMON_TASK_FEED_H

#include "daemon/link/payload.h"
#include "daemon/run/task_orders.h"
#include "proto/bit.pb-c.h"
#include "proto/data/request_file.h"

/* The request files of a run's tasks, in memory; read only, by any thread. */
struct bit_task_feed;

/**
 * Read what a spec that bit_task_look has filled in names. Blocking.
 * Errors      as bit_request_file_open; BIT_EDATA for a file that is another than it was when the run was submitted
 */
int bit_task_feed_create(const Bit__RunSpec *spec, struct bit_task_feed **out);
void bit_task_feed_destroy(struct bit_task_feed *feed);

/* The lengths that go with a payload, of each request. Owned: bit_task_requests_finish; zeroed is fine for it. */
struct bit_task_requests {
    size_t count;
    uint32_t *tokens, *continuation;
};
void bit_task_requests_finish(struct bit_task_requests *r);

/** The requests of a part, cut to the model's context: lengths, and ids sealed for launch `epoch`. Errors: -ENOMEM. */
int bit_task_feed_part(const struct bit_task_feed *feed, const struct bit_task_order *part, uint64_t epoch,
                       struct bit_payload **payload, struct bit_task_requests *requests);

/**
 * What the sums of a part come to: a record with its sums and counts, and with a task's last part the task's result, of
 * the counts of the parts before it as well. The report's sums are as many as the part has items, or it is refused; of
 * what is not finite they get the least finite float.
 * before      what the parts before it came to; NULL with the first
 * Errors      BIT_EWORKER; -ENOMEM
 * *out        the caller's: bit_msg_free
 */
int bit_task_feed_judge(const struct bit_task_feed *feed, const struct bit_task_order *part, Bit__ScoreReport *report,
                        const Bit__TaskResult *before, Bit__TaskScored **out);

#endif
