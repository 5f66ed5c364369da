/*
 * A sequence of operators, recorded once and played again: on a GPU as one graph, so that the host no longer launches
 * each of them, which is what small models wait for. Elsewhere, and where an exec is traced, it is simply run.
 */
#ifndef BIT_KERNELS_REPLAY_H
#define BIT_KERNELS_REPLAY_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/exec/exec.h"

#define BIT_REPLAY_KEY_BYTES 32

struct bit_replay {
    enum bit_backend backend; /* whose graph it is */
    void *graph;              /* the GPU's, ready to be launched; NULL: none yet, or none any more */
    unsigned char key[BIT_REPLAY_KEY_BYTES];
    int runs;     /* with this key, before it was recorded */
    bool refused; /* it could not be recorded, for the reason `why`: it is run each time from then on */
    char why[256];
};

/**
 * Do what sequence(arg) enqueues on exec. The key is all that the sequence depends on but for the contents of memory:
 * what was recorded with it is played as long as it is the same. The first run of a key is a plain one, in which
 * operators find their algorithms; the second is recorded.
 * key         key_bytes <= BIT_REPLAY_KEY_BYTES, compared byte by byte: no padding
 * sequence    enqueues operators, bit_exec_copy and bit_exec_zero within the backend's memory, and nothing else: no
 *             wait, no mark, no lane
 * Errors      the sequence's; BIT_ECUDA
 */
int bit_replay(struct bit_replay *replay, const struct bit_exec *exec, const void *key, size_t key_bytes,
               int (*sequence)(void *arg), void *arg);
/** A zeroed one is fine. */
void bit_replay_finish(struct bit_replay *replay);

#endif
