/*
 * How long it was from one heartbeat of a rank to its next: a histogram, for the line that ends a launch. What a line
 * or a machine does to heartbeats is seen there before it is enough to hold a rank for dead. Pure.
 */
#ifndef BIT_DAEMON_HEARTBEAT_GAPS_H
#define BIT_DAEMON_HEARTBEAT_GAPS_H

#include <stddef.h>
#include <stdint.h>

#define BIT_HEARTBEAT_GAPS_BUCKETS  12
#define BIT_HEARTBEAT_GAPS_TEXT_MAX 320

struct bit_heartbeat_gaps {
    uint64_t last_ms; /* of a clock that only goes on; 0: none yet */
    uint64_t max_ms, count;
    uint32_t bucket[BIT_HEARTBEAT_GAPS_BUCKETS];
};

/** A heartbeat came at this time. The first one, and the first after a lost link, has no gap before it. */
void bit_heartbeat_gaps_note(struct bit_heartbeat_gaps *g, uint64_t now_ms);
/** The link is lost: the time until the next heartbeat says nothing about a line. */
void bit_heartbeat_gaps_forget(struct bit_heartbeat_gaps *g);
/** "<=100:0,<=200:3,...,>5000:0": milliseconds and how many gaps were no longer (and longer than the one before). */
void bit_heartbeat_gaps_print(const struct bit_heartbeat_gaps *g, char out[BIT_HEARTBEAT_GAPS_TEXT_MAX]);

#endif
