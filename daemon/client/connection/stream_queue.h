/*
 * Streams take turns on libuv's pool, one portion at a time, in order of arrival. So all streams together occupy at
 * most one of its threads, and none waits until another's whole journal is read.
 */
#ifndef BIT_DAEMON_STREAM_QUEUE_H
#define BIT_DAEMON_STREAM_QUEUE_H

#include <stdbool.h>
#include <uv.h>

/* A member of its owner, which must not be freed before done was called or bit_stream_queue_cancel returned true. */
struct bit_stream_task {
    void (*work)(struct bit_stream_task *task); /* on the pool */
    void (*done)(struct bit_stream_task *task); /* on the loop */
    void *data;
    struct bit_stream_task *next; /* private */
};

struct bit_stream_queue {
    uv_loop_t *loop;
    uv_work_t work;
    struct bit_stream_task *first, **end; /* the first one is running */
};

void bit_stream_queue_init(struct bit_stream_queue *q, uv_loop_t *loop);
void bit_stream_queue_add(struct bit_stream_queue *q, struct bit_stream_task *task);
/** True: the task had not begun and never will. False: done will still be called. */
bool bit_stream_queue_cancel(struct bit_stream_queue *q, struct bit_stream_task *task);

#endif
