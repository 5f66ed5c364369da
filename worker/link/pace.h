/*
 * When a rank other than 0 tries to connect, and when it beats. All ranks start at once, so their first attempts are
 * spread over the time that bitd needs for so many, and their beats over the interval between two. After an attempt
 * that bitd began to answer but did not finish, the rank skips turns: 1, 2, 4, at most 8. It skips none after the first
 * attempt since its link was lost. Pure functions.
 */
#ifndef BIT_WORKER_PACE_H
#define BIT_WORKER_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct bit_pace {
    unsigned rests; /* turns to skip after the last attempt, which failed; 0: none */
    unsigned left;  /* how many of them are still to be skipped */
    bool was_up;    /* there was a link, and no attempt since */
};

/** Call at each turn: whether to skip it. */
bool bit_pace_rests(struct bit_pace *pace);
/** An attempt failed with this error. If nobody listened, no turn is skipped: such an attempt is cheap. */
void bit_pace_failed(struct bit_pace *pace, int err);
void bit_pace_connected(struct bit_pace *pace);

/** Time from a rank's start to its first attempt. */
int64_t bit_pace_first_ms(uint32_t rank, int64_t beat_ms);
/** How far a rank's beats after the first are shifted, to spread the ranks over the interval. */
int64_t bit_pace_spread_ms(uint32_t rank, uint32_t ranks, int64_t beat_ms);

#endif
