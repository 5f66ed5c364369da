/*
 * Streams take turns on libuv's pool: one portion at a time, the longest waiting first. So all readers together hold
 * one thread of it at most, and none of them waits until another's whole journal is read.
 */
#ifndef BIT_DAEMON_STREAM_QUEUE_H
#define BIT_DAEMON_STREAM_QUEUE_H

#include <stdbool.h>
#include <uv.h>

/* A field of its owner, who is not freed before done was called, or bit_stream_queue_cancel was true. */
struct bit_stream_task {
    void (*work)(struct bit_stream_task *task); /* on the pool */
    void (*done)(struct bit_stream_task *task); /* on the loop */
    void *data;
    struct bit_stream_task *next; /* ours */
};

struct bit_stream_queue {
    uv_loop_t *loop;
    uv_work_t work;
    struct bit_stream_task *first, **end; /* the first one is running */
};

void bit_stream_queue_init(struct bit_stream_queue *q, uv_loop_t *loop);
void bit_stream_queue_add(struct bit_stream_queue *q, struct bit_stream_task *task);
/** Whether it had not begun, and will not; otherwise done is still to come. */
bool bit_stream_queue_cancel(struct bit_stream_queue *q, struct bit_stream_task *task);

#endif
