/*
 * How long the event loop works from one look for events to the next, measured by the loop itself: whatever comes in
 * between waits so long at most. What it spends waiting for events is left out (libuv's idle time).
 */
#ifndef BIT_DAEMON_LOOP_LATENCY_H
#define BIT_DAEMON_LOOP_LATENCY_H

#include <stdint.h>
#include <uv.h>

#define BIT_LOOP_LATENCY_BOUNDS 8

struct bit_loop_latency {
    uv_prepare_t prepare;
    uint64_t before_ns, idle_ns;                 /* the last look: when, and the idle time up to it; 0: none yet */
    uint64_t count[BIT_LOOP_LATENCY_BOUNDS + 1]; /* turns by the bound that they are within; the last: beyond all */
    uint64_t turns;
    double sum_s;
};

/* Bounds in seconds, as text, too: both formats of metrics write them in one way. */
struct bit_loop_latency_bound {
    double s;
    const char *text;
};
extern const struct bit_loop_latency_bound bit_loop_latency_bounds[BIT_LOOP_LATENCY_BOUNDS];

/** Begin, on a loop that has not run yet. It does not keep the loop running. Errors: libuv's. */
int bit_loop_latency_init(struct bit_loop_latency *l, uv_loop_t *loop);
/** The loop has to be run after it, to close the handle. */
void bit_loop_latency_close(struct bit_loop_latency *l);
/** One turn: `now_ns` and the loop's idle time so far. */
void bit_loop_latency_note(struct bit_loop_latency *l, uint64_t now_ns, uint64_t idle_ns);

#endif
