/*
 * Work that a client can make slow: receiving and closing descriptors that it sent, reading files that it names. It
 * runs beside the loop, on one thread per user with such work, one task after the other, so that users wait only for
 * themselves; and not on libuv's pool, where files are read for training.
 */
#ifndef BIT_DAEMON_USER_THREADS_H
#define BIT_DAEMON_USER_THREADS_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

/* A member of its owner, which must not be freed before done was called. */
struct bit_user_task {
    uid_t uid;
    void *data;
    void (*work)(struct bit_user_task *task); /* on the thread */
    void (*done)(struct bit_user_task *task); /* on the loop */
    /* Private: */
    struct bit_user_threads *threads;
    struct bit_user_task *next;          /* in `tasks`; used by the loop only */
    struct bit_user_task *next_finished; /* under the lock */
    bool running, abandoned;
    uv_thread_t thread;
};

struct bit_user_threads {
    uv_async_t ended;
    uv_timer_t again; /* after a thread could not be made */
    uv_mutex_t lock;
    struct bit_user_task *tasks;    /* waiting and running ones, the oldest first; used by the loop only */
    struct bit_user_task *finished; /* under the lock */
    bool closed;                    /* under the lock */
};

/** Errors: libuv's. */
int bit_user_threads_init(struct bit_user_threads *t, uv_loop_t *loop);
/** Run the task when no other task of its user is running. done is never called before this returns. */
void bit_user_threads_start(struct bit_user_threads *t, struct bit_user_task *task);
/**
 * The result is not needed any more. true: the task had not begun and never will; its owner may be freed. false: done
 * will be called, and the user's next task does not wait for this one, unless several of the user's tasks hang already.
 */
bool bit_user_threads_abandon(struct bit_user_task *task);
/** Does not wait for unfinished tasks, and their done is not called: no client can keep bitd from ending. */
void bit_user_threads_close(struct bit_user_threads *t);

#endif
