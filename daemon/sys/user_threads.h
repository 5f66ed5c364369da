/*
 * Work that a client can make slow: taking and closing what it sent, looking at files that it names. It is done beside
 * the loop, on a thread for each user who has any, one task after the other, so that users wait only for themselves;
 * and not on libuv's pool, where files are read for training.
 */
#ifndef BIT_DAEMON_USER_THREADS_H
#define BIT_DAEMON_USER_THREADS_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

/* A field of its owner, who is not freed before done was called. */
struct bit_user_task {
    uid_t uid;
    void *data;
    void (*work)(struct bit_user_task *task); /* on the thread */
    void (*done)(struct bit_user_task *task); /* on the loop */
    /* ours: */
    struct bit_user_threads *threads;
    struct bit_user_task *next;          /* in `tasks`: the loop's */
    struct bit_user_task *next_finished; /* under the lock */
    bool running, abandoned;
    uv_thread_t thread;
};

struct bit_user_threads {
    uv_async_t ended;
    uv_timer_t again; /* after a thread could not be made */
    uv_mutex_t lock;
    struct bit_user_task *tasks;    /* waiting and running ones, the oldest first; of the loop alone */
    struct bit_user_task *finished; /* under the lock */
    bool closed;                    /* under the lock */
};

/** Errors: libuv's. */
int bit_user_threads_init(struct bit_user_threads *t, uv_loop_t *loop);
/** Begin when nothing else of this user is being done. done is never called before this returns. */
void bit_user_threads_start(struct bit_user_threads *t, struct bit_user_task *task);
/**
 * Nobody waits for it any more. true: it had not begun, and never will, so that its owner may be freed. Else done will
 * be called, and the user's next task need not wait for it, unless several of his hang already.
 */
bool bit_user_threads_abandon(struct bit_user_task *task);
/** Does not wait for tasks that have not ended, and their done is not called: no client can keep bitd from ending. */
void bit_user_threads_close(struct bit_user_threads *t);

#endif
