#include "daemon/run/ranks/hung_rank.h"

#include <string.h>

static bool waits(const struct bit_hung_rank *rank)
{
    return rank->answered && (strcmp(rank->section, "comm") == 0 || strcmp(rank->section, "wait") == 0);
}

int64_t bit_hung_rank_find(const struct bit_hung_rank *rank, uint32_t ranks)
{
    uint64_t least = UINT64_MAX, most = 0;
    int64_t behind = -1;

    for (uint32_t r = 0; r < ranks; r++) {
        if (!rank[r].known)
            continue;
        least = rank[r].step < least ? rank[r].step : least;
        most = rank[r].step > most ? rank[r].step : most;
    }
    for (uint32_t r = ranks; r-- > 0;) /* descending, so that the lowest such rank stays */
        if (rank[r].known && rank[r].step == least && least < most)
            behind = r;
    for (uint32_t r = 0; r < ranks; r++)
        if (rank[r].known && rank[r].step == least && !waits(&rank[r]))
            return r;
    return behind;
}
