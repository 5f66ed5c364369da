/*
 * Streams take turns on libuv's pool: one portion at a time, the longest waiting first. So all readers together hold
 * one thread of it at most, and none of them waits behind another's whole journal.
 */
#ifndef BIT_DAEMON_STREAM_QUEUE_H
#define BIT_DAEMON_STREAM_QUEUE_H

#include <stdbool.h>
#include <uv.h>

/* A field of its owner, who is not freed before done was called, or bit_turns_cancel was true. */
struct bit_turn {
    void (*work)(struct bit_turn *turn); /* on the pool */
    void (*done)(struct bit_turn *turn); /* on the loop */
    void *data;
    struct bit_turn *next; /* ours */
};

struct bit_turns {
    uv_loop_t *loop;
    uv_work_t work;
    struct bit_turn *first, **end; /* the first one is running */
};

void bit_turns_init(struct bit_turns *t, uv_loop_t *loop);
void bit_turns_take(struct bit_turns *t, struct bit_turn *turn);
/** Whether it had not begun, and will not; otherwise done is still to come. */
bool bit_turns_cancel(struct bit_turns *t, struct bit_turn *turn);

#endif
