#include "worker/ranks/nccl_plan.h"

#include <stdlib.h>

#include "proto/check.h"
#include "proto/format.h"

#define RANKS_PER_ID 128

int bit_nccl_plan_ids(int ranks)
{
    BIT_ASSERT(ranks > 0 && ranks <= RANKS_PER_ID * BIT_NCCL_IDS_MAX);
    return (ranks + RANKS_PER_ID - 1) / RANKS_PER_ID;
}

int bit_nccl_plan_root(int id)
{
    return id * RANKS_PER_ID;
}

double bit_nccl_plan_start_s(int ranks)
{
    return 60 + 0.1 * ranks;
}

void bit_nccl_plan_environment(bool deterministic)
{
    setenv("NCCL_NVLS_ENABLE", "0", 0);
    if (!deterministic)
        return;
    setenv("NCCL_ALGO", "Ring", 0);
    setenv("NCCL_PROTO", "Simple", 0);
}

void bit_nccl_plan_describe(int version, char *out, size_t room)
{
    const char *algorithm = getenv("NCCL_ALGO"), *protocol = getenv("NCCL_PROTO");

    bit_format(out, room, "nccl %d.%d.%d%s%.20s%s%.20s", version / 10000, version % 10000 / 100, version % 100,
               algorithm != NULL ? ", algorithm " : "", algorithm != NULL ? algorithm : "",
               protocol != NULL ? ", protocol " : "", protocol != NULL ? protocol : "");
}
