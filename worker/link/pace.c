#include "worker/link/pace.h"

#include <errno.h>

#include "proto/check.h"

#define RANKS_PER_MS 10 /* ranks that make their first attempt in the same millisecond */
#define RESTS_MOST   8

bool bit_pace_rests(struct bit_pace *pace)
{
    if (pace->left == 0)
        return false;
    pace->left--;
    return true;
}

/* If bitd begins to answer and does not finish, it has too much to do. Right after a link was lost, it has rather
 * ended: the kernel resets connections that a killed bitd has not accepted. */
void bit_pace_failed(struct bit_pace *pace, int err)
{
    if (pace->was_up || err == -ECONNREFUSED || err == -ENOENT)
        pace->rests = 0;
    else
        pace->rests = BIT_MIN(BIT_MAX(2 * pace->rests, 1u), RESTS_MOST);
    pace->left = pace->rests;
    pace->was_up = false;
}

void bit_pace_connected(struct bit_pace *pace)
{
    *pace = (struct bit_pace){.was_up = true};
}

int64_t bit_pace_first_ms(uint32_t rank, int64_t beat_ms)
{
    return BIT_MIN((int64_t)rank / RANKS_PER_MS, beat_ms);
}

int64_t bit_pace_spread_ms(uint32_t rank, uint32_t ranks, int64_t beat_ms)
{
    return ranks == 0 ? 0 : beat_ms * rank / ranks;
}
