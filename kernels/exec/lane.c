#include "kernels/exec/lane.h"

#include <stdint.h>
#include <string.h>

#include "kernels/exec/backend.h"
#include "proto/check.h"

#define PIECE_BYTES ((int64_t)4 << 20) /* one thread's unit of work in a copy */

/* NULL: each copy is made by its call. */
static const struct bit_lane_ops *ops_of(const struct bit_lane *lane)
{
    return lane->exec == NULL ? NULL : bit_backend_find(lane->exec->backend)->lane;
}

int bit_lane_init(struct bit_lane *lane, const struct bit_exec *exec)
{
    int err = 0;

    *lane = (struct bit_lane){.exec = exec};
    if (ops_of(lane) != NULL)
        err = ops_of(lane)->open(lane);
    if (err < 0)
        bit_lane_finish(lane);
    return err;
}

void bit_lane_finish(struct bit_lane *lane)
{
    if (ops_of(lane) != NULL)
        ops_of(lane)->close(lane);
    *lane = (struct bit_lane){0};
}

int bit_lane_follow(struct bit_lane *lane)
{
    return ops_of(lane) != NULL ? ops_of(lane)->follow(lane) : 0;
}

static void copy_pieces(int threads, void *to, const void *from, size_t bytes)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t at = 0; at < (int64_t)bytes; at += PIECE_BYTES)
        memcpy((char *)to + at, (const char *)from + at, (size_t)BIT_MIN(PIECE_BYTES, (int64_t)bytes - at));
}

int bit_lane_copy(struct bit_lane *lane, void *to, const void *from, size_t bytes)
{
    if (bytes == 0)
        return 0;
    if (ops_of(lane) != NULL)
        return ops_of(lane)->copy(lane, to, from, bytes);
    copy_pieces(lane->exec->threads, to, from, bytes);
    return 0;
}

int bit_lane_lead(struct bit_lane *lane)
{
    return ops_of(lane) != NULL ? ops_of(lane)->lead(lane) : 0;
}

int bit_lane_wait(struct bit_lane *lane)
{
    return ops_of(lane) != NULL ? ops_of(lane)->wait(lane) : 0;
}
