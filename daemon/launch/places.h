/* Which nodes of a Slurm job hold the ranks of the next launch, and how many ranks those are. */
#ifndef BIT_DAEMON_PLACES_H
#define BIT_DAEMON_PLACES_H

#include <stdint.h>

#include "daemon/sys/lists/hostlist.h"
#include "proto/bit.pb-c.h"

struct bit_places {
    uint32_t ranks, nodes;
    uint32_t per_node; /* ranks on each node, at most */
    char *list;        /* the nodes in the job's order, folded; heap */
};

/**
 * Choose among `all` nodes without the `lost` ones: launch.ranks if they fit, because a relaunch then gives the same
 * bits; otherwise the most ranks that fit and divide the global batch into whole micro-batches, down to
 * launch.slurm.min_ranks. Pure.
 * Ownership   out->list is the caller's (bit_places_finish)
 * Errors      -EAGAIN if too few nodes are left, saying which are lost and what would help; -ENOMEM
 */
int bit_places_choose(const struct bit_hosts *all, const struct bit_hosts *lost, const Bit__RunSpec *spec,
                      struct bit_places *out);
void bit_places_finish(struct bit_places *places);

#endif
