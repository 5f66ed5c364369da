/*
 * The workers' share of each turn of the event loop. Thousands of ranks connect, report and end at the same moment, and
 * what they need then takes hundreds of milliseconds. So that clients are answered meanwhile, what exceeds the share
 * waits for the next turn, in order.
 */
#ifndef BIT_DAEMON_TURN_SHARE_H
#define BIT_DAEMON_TURN_SHARE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct bit_turn_waiter {
    struct bit_turn_waiter *next, **back; /* back is NULL while it does not wait */
    void (*go_on)(void *arg);
    void *arg;
};

struct bit_turn_share {
    uv_idle_t idle;    /* while anything waits */
    uv_check_t check;  /* at the end of each turn */
    uint64_t begun_ns; /* when this turn's share was first asked for; 0: not yet */
    struct bit_turn_waiter *first, **last;
    bool closed;
};

void bit_turn_share_init(struct bit_turn_share *s, uv_loop_t *loop);
/** Whether this turn's share is used up. Its time runs from the first call in a turn. */
bool bit_turn_share_is_used(struct bit_turn_share *s);
/** Call go_on in a later turn; the waiter must not be waiting already. */
void bit_turn_share_wait(struct bit_turn_share *s, struct bit_turn_waiter *w);
bool bit_turn_waiter_waits(const struct bit_turn_waiter *w);
/** Not waiting is fine. */
void bit_turn_share_cancel(struct bit_turn_share *s, struct bit_turn_waiter *w);
/** All that waits goes on now. From here on the share is never used up. */
void bit_turn_share_close(struct bit_turn_share *s);

#endif
