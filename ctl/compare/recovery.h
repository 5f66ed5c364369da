/* What the switch cost a run: how high its loss jumped, and how soon it was back. Pure. */
#ifndef BIT_CTL_RECOVERY_H
#define BIT_CTL_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/chart/thin.h"

struct bit_recovery_asked {
    uint64_t switch_after; /* the last 16-bit step */
    uint64_t ramp_steps;   /* over which the codes take over */
    size_t last;           /* losses that the level before the switch is the mean of */
    size_t smooth;         /* losses that the curve after it is the mean of */
};

struct bit_recovery {
    double level;       /* mean of the last losses up to the switch; NaN: there are none */
    double spike;       /* the highest loss of the ramp and the `last` steps after it, less the level; NaN: none */
    uint64_t recovered; /* steps after the switch until the smoothed loss was first at or below the level; 0: never */
    uint64_t met;       /* until it was first at or below the trunk's; 0: never, or there is no trunk */
};

/**
 * losses: the run's, by step. The smoothed loss at step s is the mean of the last `smooth` losses up to s, of fewer
 * right after the switch, for nothing from before it counts; the trunk's is that of all its losses up to s. trunk: a
 * run that has not switched, over the same data; NULL: none. -ENOMEM.
 */
int bit_recovery_find(const struct bit_recovery_asked *asked, const struct bit_thin_point *losses, size_t count,
                      const struct bit_thin_point *trunk, size_t trunk_count, struct bit_recovery *out);
/** Mean of the last losses that are numbers, of fewer where there are fewer; NaN: of none. */
double bit_recovery_level(const struct bit_thin_point *losses, size_t count, size_t last);

#endif
