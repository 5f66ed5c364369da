#include "daemon/launch/places.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/spec/spec_slurm.h"

void bit_places_finish(struct bit_places *places)
{
    free(places->list);
    *places = (struct bit_places){0};
}

static bool divides(const Bit__RunSpec *spec, uint32_t ranks)
{
    const Bit__BatchSpec *batch = spec->batch;
    uint32_t share = batch->instances / ranks;

    if (spec->launch->shard_ranks > 0 && ranks % spec->launch->shard_ranks != 0)
        return false;
    return batch->instances % ranks == 0 && (batch->micro_instances == 0 || share % batch->micro_instances == 0);
}

/* 0 if min_ranks do not fit. */
static uint32_t count_ranks(const Bit__RunSpec *spec, uint64_t room)
{
    const Bit__LaunchSpec *launch = spec->launch;

    if (room >= launch->ranks)
        return launch->ranks;
    for (uint32_t ranks = (uint32_t)room; ranks >= BIT_MAX(launch->slurm->min_ranks, 1u); ranks--)
        if (divides(spec, ranks))
            return ranks;
    return 0;
}

static int too_few(const struct bit_hosts *all, const struct bit_hosts *lost, const Bit__RunSpec *spec, uint32_t each)
{
    char names[160] = "";

    for (size_t i = 0, used = 0; i < lost->count && used < sizeof names - 1; i++)
        used = bit_format_more(names, sizeof names, "%s%s", i ? ", " : "", lost->name[i]);
    return bit_fail(-EAGAIN,
                    "%u ranks need %u nodes, %u on each, and of %zu nodes %zu are lost (%s): spare nodes, or a smaller "
                    "launch.slurm.min_ranks, would let it go on",
                    spec->launch->ranks, (spec->launch->ranks + BIT_MAX(each, 1u) - 1) / BIT_MAX(each, 1u), each,
                    all->count, lost->count, names);
}

static int write_list(const struct bit_hosts *all, const struct bit_hosts *lost, struct bit_places *out)
{
    struct bit_hosts chosen = {0};
    int err = 0;

    for (size_t i = 0; err == 0 && chosen.count < out->nodes; i++)
        if (!bit_hosts_have(lost, all->name[i]))
            err = bit_hosts_add(&chosen, all->name[i]);
    if (err == 0 && (out->list = bit_hosts_fold(&chosen)) == NULL)
        err = bit_fail(-ENOMEM, "a list of nodes");
    bit_hosts_finish(&chosen);
    return err;
}

int bit_places_choose(const struct bit_hosts *all, const struct bit_hosts *lost, const Bit__RunSpec *spec,
                      struct bit_places *out)
{
    uint32_t each = bit_slurm_ranks_per_node(spec->launch->slurm), usable = 0;

    *out = (struct bit_places){0};
    for (size_t i = 0; i < all->count; i++)
        usable += !bit_hosts_have(lost, all->name[i]);
    uint64_t room = each ? (uint64_t)usable * each : usable ? spec->launch->ranks : 0;
    uint32_t ranks = count_ranks(spec, room);
    if (ranks == 0)
        return too_few(all, lost, spec, each);
    out->ranks = ranks;
    out->nodes = each ? (ranks + each - 1) / each : BIT_MIN(usable, ranks);
    out->per_node = (ranks + out->nodes - 1) / out->nodes;
    return write_list(all, lost, out);
}
