#include "daemon/run/ranks/heartbeat_gaps.h"

#include <inttypes.h>
#include <stdio.h>

#include "proto/check.h"

static const uint32_t limit_ms[BIT_HEARTBEAT_GAPS_BUCKETS - 1] = {100, 200,  300,  400,  500, 600,
                                                                  800, 1000, 1500, 2500, 5000};

void bit_heartbeat_gaps_note(struct bit_heartbeat_gaps *g, uint64_t now_ms)
{
    uint64_t gap_ms = now_ms - g->last_ms;
    bool first = g->last_ms == 0;
    size_t i = 0;

    g->last_ms = now_ms;
    if (first)
        return;
    while (i < BIT_COUNT(limit_ms) && gap_ms > limit_ms[i])
        i++;
    g->bucket[i]++;
    g->count++;
    g->max_ms = BIT_MAX(g->max_ms, gap_ms);
}

void bit_heartbeat_gaps_forget(struct bit_heartbeat_gaps *g)
{
    g->last_ms = 0;
}

void bit_heartbeat_gaps_print(const struct bit_heartbeat_gaps *g, char out[BIT_HEARTBEAT_GAPS_TEXT_MAX])
{
    size_t at = 0;

    for (size_t i = 0; i < BIT_COUNT(limit_ms); i++)
        at += (size_t)snprintf(out + at, BIT_HEARTBEAT_GAPS_TEXT_MAX - at, "<=%" PRIu32 ":%" PRIu32 ",", limit_ms[i],
                               g->bucket[i]);
    snprintf(out + at, BIT_HEARTBEAT_GAPS_TEXT_MAX - at, ">%" PRIu32 ":%" PRIu32, limit_ms[BIT_COUNT(limit_ms) - 1],
             g->bucket[BIT_HEARTBEAT_GAPS_BUCKETS - 1]);
}
