/* Which rank of a hanging job the others wait for. */
#ifndef BIT_DAEMON_HUNG_RANK_H
#define BIT_DAEMON_HUNG_RANK_H

#include <stdbool.h>
#include <stdint.h>

/* What is known of a rank of a hanging job. */
struct bit_hung_rank {
    bool known;          /* it has reported its position */
    bool answered;       /* it wrote its stacks when asked */
    uint64_t step;       /* the last one done */
    const char *section; /* of the step: "forward", "comm", ... */
};
/**
 * The rank that the others wait for. Ranks wait for each other in "comm" and "wait", so it is one that is in another
 * section or could not answer; where steps differ, one of those with the lowest step. Pure. -1 if none stands out.
 */
int64_t bit_hung_rank_find(const struct bit_hung_rank *rank, uint32_t ranks);

#endif
