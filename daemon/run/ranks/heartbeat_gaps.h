/*
 * A histogram of the time from one heartbeat of a rank to the next, logged when a launch ends. Delays in the network or
 * on the machine show there before they are long enough for a rank to be taken for dead. Pure.
 */
#ifndef BIT_DAEMON_HEARTBEAT_GAPS_H
#define BIT_DAEMON_HEARTBEAT_GAPS_H

#include <stddef.h>
#include <stdint.h>

#define BIT_HEARTBEAT_GAPS_BUCKETS  12
#define BIT_HEARTBEAT_GAPS_TEXT_MAX 320

struct bit_heartbeat_gaps {
    uint64_t last_ms; /* monotonic clock; 0: none yet */
    uint64_t max_ms, count;
    uint32_t bucket[BIT_HEARTBEAT_GAPS_BUCKETS];
};

/** A heartbeat came at this time. The first one, and the first after a lost link, has no gap before it. */
void bit_heartbeat_gaps_note(struct bit_heartbeat_gaps *g, uint64_t now_ms);
/** The link is lost: the time until the next heartbeat is not a gap. */
void bit_heartbeat_gaps_forget(struct bit_heartbeat_gaps *g);
/** "<=100:0,<=200:3,...,>5000:0": each limit in milliseconds, and how many gaps lie between it and the limit before. */
void bit_heartbeat_gaps_print(const struct bit_heartbeat_gaps *g, char out[BIT_HEARTBEAT_GAPS_TEXT_MAX]);

#endif
