/*
 * A lane beside the operators: copies that run while operators do. On a GPU it is a stream of its own, for which the
 * host's side should be bit_exec_alloc_host's; elsewhere a copy is made at the call, and there is nothing to wait for.
 */
#ifndef BIT_KERNELS_LANE_H
#define BIT_KERNELS_LANE_H

#include <stddef.h>

#include "kernels/exec/exec.h"

struct bit_lane {
    const struct bit_exec *exec; /* borrowed; NULL: no lane */
    void *stream;                /* the GPU's, with the next two; NULL elsewhere */
    void *operators;             /* a point among the operators: what the lane waits for */
    void *copied;                /* the end of the copies so far */
};

/** Errors: BIT_ECUDA. finish waits for what is on its way, and takes a zeroed lane too. */
int bit_lane_init(struct bit_lane *lane, const struct bit_exec *exec);
void bit_lane_finish(struct bit_lane *lane);

/** Copies from here on begin when every operator enqueued so far is done. */
int bit_lane_follow(struct bit_lane *lane);
/** Either side may be the backend's memory or the host's; both stay as they are until the copy is made. */
int bit_lane_copy(struct bit_lane *lane, void *to, const void *from, size_t bytes);
/** Operators from here on begin when every copy asked for so far is made. */
int bit_lane_lead(struct bit_lane *lane);
/** Until every copy asked for so far is made. Any thread, one at a time. */
int bit_lane_wait(struct bit_lane *lane);

#endif
