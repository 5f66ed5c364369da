/* What the switch cost a run: how far its loss jumped, and how soon it recovered. Pure. */
#ifndef BIT_CTL_RECOVERY_H
#define BIT_CTL_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/chart/thin.h"

struct bit_recovery_asked {
    uint64_t switch_after; /* the last 16-bit step */
    uint64_t ramp_steps;   /* length of the ramp */
    size_t last;           /* number of losses whose mean is the level before the switch */
    size_t smooth;         /* number of losses in the moving average after it */
};

struct bit_recovery {
    double level;       /* mean of the last losses up to the switch; NaN: there are none */
    double spike;       /* the highest loss during the ramp and the `last` steps after it, minus the level; NaN: none */
    uint64_t recovered; /* steps after the switch until the smoothed loss was first at or below the level; 0: never */
    uint64_t met;       /* steps until it was first at or below the trunk's; 0: never, or there is no trunk */
};

/**
 * losses: the run's, by step. The smoothed loss at step s is the mean of the last `smooth` losses up to s. Losses
 * before the switch do not count, so that right after it there are fewer; the trunk's smoothed loss uses all of its
 * losses. trunk: a run over the same data that has not switched; NULL: none. -ENOMEM.
 */
int bit_recovery_find(const struct bit_recovery_asked *asked, const struct bit_thin_point *losses, size_t count,
                      const struct bit_thin_point *trunk, size_t trunk_count, struct bit_recovery *out);
/** Mean of the last `last` finite losses, or of as many as there are; NaN if there are none. */
double bit_recovery_level(const struct bit_thin_point *losses, size_t count, size_t last);

#endif
