/*
 * Work that a client can make last: taking and closing what it sent. It is done beside the loop, on a thread for each
 * user who has any, one job after the other: a user waits for himself alone. Never on libuv's pool, where files are
 * read for training.
 */
#ifndef BIT_DAEMON_USER_THREADS_H
#define BIT_DAEMON_USER_THREADS_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

/* A field of its owner, who is not freed before done was called. */
struct bit_aside_job {
    uid_t uid;
    void *data;
    void (*work)(struct bit_aside_job *job); /* on the thread */
    void (*done)(struct bit_aside_job *job); /* on the loop */
    /* ours: */
    struct bit_aside *aside;
    struct bit_aside_job *next;          /* in `jobs`: the loop's */
    struct bit_aside_job *next_finished; /* under the lock */
    bool running;
    uv_thread_t thread;
};

struct bit_aside {
    uv_async_t ended;
    uv_timer_t again; /* after a thread could not be made */
    uv_mutex_t lock;
    struct bit_aside_job *jobs;     /* waiting and running ones, the oldest first; of the loop alone */
    struct bit_aside_job *finished; /* under the lock */
    bool closed;                    /* under the lock */
};

/** Errors: libuv's. */
int bit_aside_init(struct bit_aside *a, uv_loop_t *loop);
/** Begin when nothing else of this user is being done. done is never called before this returns. */
void bit_aside_start(struct bit_aside *a, struct bit_aside_job *job);
/** Jobs that have not ended are not waited for, and their done is not called: a client may not keep bitd from ending.
 */
void bit_aside_close(struct bit_aside *a);

#endif
