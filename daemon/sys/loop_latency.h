/*
 * The duration of each turn of the event loop, from one poll for events to the next, without the time spent waiting for
 * events (libuv's idle time). It bounds how long an event waits that arrives in between.
 */
#ifndef BIT_DAEMON_LOOP_LATENCY_H
#define BIT_DAEMON_LOOP_LATENCY_H

#include <stdint.h>
#include <uv.h>

#define BIT_LOOP_LATENCY_BOUNDS 8

struct bit_loop_latency {
    uv_prepare_t prepare;
    uint64_t before_ns, idle_ns;                 /* at the last poll: the time, and the idle time so far; 0: none yet */
    uint64_t count[BIT_LOOP_LATENCY_BOUNDS + 1]; /* turns by the smallest bound not exceeded; the last: above all */
    uint64_t turns;
    double sum_s;
};

/* Bounds in seconds, and their text: both metrics formats must print them identically. */
struct bit_loop_latency_bound {
    double s;
    const char *text;
};
extern const struct bit_loop_latency_bound bit_loop_latency_bounds[BIT_LOOP_LATENCY_BOUNDS];

/** Start, on a loop that has not run yet. The handle does not keep the loop alive. Errors: libuv's. */
int bit_loop_latency_init(struct bit_loop_latency *l, uv_loop_t *loop);
/** The loop must run afterwards, to close the handle. */
void bit_loop_latency_close(struct bit_loop_latency *l);
/** Count one turn, given the time and the loop's idle time so far. */
void bit_loop_latency_note(struct bit_loop_latency *l, uint64_t now_ns, uint64_t idle_ns);

#endif
