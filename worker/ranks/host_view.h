/*
 * The host's view of a vector in the backend's memory, a piece at a time, for reading and writing files and for
 * checksums. If that memory is the host's own, a piece is the vector itself.
 */
#ifndef BIT_WORKER_HOST_VIEW_H
#define BIT_WORKER_HOST_VIEW_H

#include <stdint.h>

#include "kernels/exec/exec.h"

#define BIT_HOST_VIEW_ELEMENTS ((int64_t)1 << 21) /* per piece, at most; whole blocks of a checkpoint */

struct bit_host_view {
    struct bit_exec *exec; /* borrowed */
    void *host;            /* BIT_HOST_VIEW_ELEMENTS floats, if the backend's memory is elsewhere; owned */
};

/** Errors: -ENOMEM. finish takes a zeroed view too. */
int bit_host_view_init(struct bit_host_view *view, struct bit_exec *exec);
void bit_host_view_finish(struct bit_host_view *view);

/** *piece holds `bytes` bytes of `vector`, borrowed until the next call. Waits for what is enqueued. Errors:
 * BIT_ECUDA */
int bit_host_view_read(struct bit_host_view *view, const void *vector, size_t bytes, const void **piece);
/** Where to write `bytes` bytes that commit copies to `vector`. */
void *bit_host_view_write(struct bit_host_view *view, void *vector, size_t bytes);
/** Errors: BIT_ECUDA */
int bit_host_view_commit(struct bit_host_view *view, void *vector, size_t bytes);

#endif
