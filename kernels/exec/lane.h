/*
 * A lane: copies that run concurrently with the operators. On a GPU it is a separate stream, and host buffers should
 * come from bit_exec_alloc_host; elsewhere a copy is made by its call, and there is nothing to wait for.
 */
#ifndef BIT_KERNELS_LANE_H
#define BIT_KERNELS_LANE_H

#include <stddef.h>

#include "kernels/exec/exec.h"

struct bit_lane {
    const struct bit_exec *exec; /* borrowed; NULL: no lane */
    void *stream;                /* of the GPU; this and the next two are NULL elsewhere */
    void *operators;             /* event in the operators' stream, for which the lane waits */
    void *copied;                /* event after the last copy so far */
};

/** Errors: BIT_ECUDA. finish waits for copies in flight, and also takes a zeroed lane. */
int bit_lane_init(struct bit_lane *lane, const struct bit_exec *exec);
void bit_lane_finish(struct bit_lane *lane);

/** Later copies begin after every operator enqueued so far is done. */
int bit_lane_follow(struct bit_lane *lane);
/** Either side may be the backend's memory or the host's; neither may be written or freed until the copy is done. */
int bit_lane_copy(struct bit_lane *lane, void *to, const void *from, size_t bytes);
/** Later operators begin after every copy enqueued so far is done. */
int bit_lane_lead(struct bit_lane *lane);
/** Wait until every copy enqueued so far is done. From any thread, one at a time. */
int bit_lane_wait(struct bit_lane *lane);

#endif
