/*
 * A sequence of operators that is recorded once and then replayed, on a GPU as one CUDA graph: the host's launch of
 * every single operator is the bottleneck of small models. On other backends, and with a trace, the sequence is run
 * each time.
 */
#ifndef BIT_KERNELS_REPLAY_H
#define BIT_KERNELS_REPLAY_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/exec/exec.h"

#define BIT_REPLAY_KEY_BYTES 32

struct bit_replay {
    enum bit_backend backend; /* that the graph belongs to */
    void *graph;              /* the GPU's, ready to be launched; NULL if there is none at present */
    unsigned char key[BIT_REPLAY_KEY_BYTES];
    int runs;     /* plain runs with this key */
    bool refused; /* it could not be recorded, for the reason `why`; from then on it is run each time */
    char why[256];
};

/**
 * Run sequence(arg), or replay its recording, on exec. The key must cover everything that the sequence depends on
 * except the contents of memory: the recording is replayed while the key is unchanged. The first run of a key is a
 * plain one, in which operators select their algorithms; the second is recorded.
 * key         key_bytes <= BIT_REPLAY_KEY_BYTES, compared byte by byte: no padding
 * sequence    enqueues operators, bit_exec_copy and bit_exec_zero within the backend's memory, and nothing else: no
 *             wait, no mark, no lane
 * Errors      the sequence's; BIT_ECUDA
 */
int bit_replay(struct bit_replay *replay, const struct bit_exec *exec, const void *key, size_t key_bytes,
               int (*sequence)(void *arg), void *arg);
/** Also takes a zeroed replay. */
void bit_replay_finish(struct bit_replay *replay);

#endif
