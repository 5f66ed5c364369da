/*
 * When a rank other than 0 tries to connect, and when it beats. Ranks begin together: their first attempts are spread
 * over as long as bitd takes for so many, their beats over the time between two, and an attempt that bitd began to
 * answer and did not end is followed by turns that are left out, 1, 2, 4, at most 8. Pure.
 */
#ifndef BIT_WORKER_PACE_H
#define BIT_WORKER_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct bit_pace {
    unsigned rests; /* turns left out after the last attempt, which failed; 0: there was none like that */
    unsigned left;  /* of them, those that are still to come */
};

/** A turn has come: whether it is left out. */
bool bit_pace_rests(struct bit_pace *pace);
/** An attempt failed with this error. Where nobody listened the next turn tries again: that costs nobody anything. */
void bit_pace_failed(struct bit_pace *pace, int err);
void bit_pace_connected(struct bit_pace *pace);

/** From a rank's start to its first attempt. */
int64_t bit_pace_first_ms(uint32_t rank, int64_t beat_ms);
/** From its first beat to the place of its beats between two of rank 0's. */
int64_t bit_pace_spread_ms(uint32_t rank, uint32_t ranks, int64_t beat_ms);

#endif
