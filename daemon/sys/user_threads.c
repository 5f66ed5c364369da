#include "daemon/sys/user_threads.h"

#include <stddef.h>

#include "proto/log.h"

BIT_LOG_TOPIC("user_threads");

#define AGAIN_MS    1000
#define STACK_BYTES (2u << 20) /* for parsing JSON as deeply nested as jansson allows */

#define ABANDONED_MAX 4 /* abandoned tasks of one user beyond which the next one waits */

static void run(void *arg)
{
    struct bit_user_task *task = arg;
    struct bit_user_threads *t = task->threads;

    task->work(task);
    uv_mutex_lock(&t->lock);
    task->next_finished = t->finished;
    t->finished = task;
    if (!t->closed)
        uv_async_send(&t->ended);
    uv_mutex_unlock(&t->lock);
}

static bool must_wait(const struct bit_user_threads *t, uid_t uid)
{
    unsigned running = 0, abandoned = 0;

    for (const struct bit_user_task *task = t->tasks; task != NULL; task = task->next)
        if (task->running && task->uid == uid)
            *(task->abandoned ? &abandoned : &running) += 1;
    return running > 0 || abandoned >= ABANDONED_MAX;
}

static void start_again(uv_timer_t *timer);

static void start_what_may(struct bit_user_threads *t)
{
    const uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = STACK_BYTES};

    for (struct bit_user_task *task = t->tasks; task != NULL; task = task->next) {
        if (task->running || must_wait(t, task->uid))
            continue;
        int err = uv_thread_create_ex(&task->thread, &options, run, task);
        task->running = err == 0;
        if (err == 0)
            continue;
        bit_warn("no thread", "uid=%u text=\"%s\"", task->uid, uv_strerror(err));
        uv_timer_start(&t->again, start_again, AGAIN_MS, 0);
        return;
    }
}

static void start_again(uv_timer_t *timer)
{
    start_what_may(timer->data);
}

static void forget(struct bit_user_threads *t, const struct bit_user_task *task)
{
    struct bit_user_task **at = &t->tasks;

    while (*at != task)
        at = &(*at)->next;
    *at = task->next;
}

static void end_finished(struct bit_user_threads *t)
{
    uv_mutex_lock(&t->lock);
    struct bit_user_task *task = t->finished, *next;
    t->finished = NULL;
    uv_mutex_unlock(&t->lock);
    for (; task != NULL; task = next) {
        next = task->next_finished;
        uv_thread_join(&task->thread); /* it has ended, or is about to */
        task->running = false;
        forget(t, task);
        task->done(task);
    }
}

static void on_ended(uv_async_t *async)
{
    struct bit_user_threads *t = async->data;

    end_finished(t);
    start_what_may(t);
}

int bit_user_threads_init(struct bit_user_threads *t, uv_loop_t *loop)
{
    *t = (struct bit_user_threads){.tasks = NULL};
    int err = uv_mutex_init(&t->lock);
    if (err == 0)
        err = uv_async_init(loop, &t->ended, on_ended);
    if (err < 0)
        return err;
    uv_timer_init(loop, &t->again);
    t->ended.data = t->again.data = t;
    uv_unref((uv_handle_t *)&t->ended);
    uv_unref((uv_handle_t *)&t->again);
    return 0;
}

void bit_user_threads_start(struct bit_user_threads *t, struct bit_user_task *task)
{
    struct bit_user_task **end = &t->tasks;

    task->threads = t;
    task->next = NULL;
    task->running = task->abandoned = false;
    while (*end != NULL)
        end = &(*end)->next;
    *end = task;
    start_what_may(t);
}

bool bit_user_threads_abandon(struct bit_user_task *task)
{
    if (!task->running) {
        forget(task->threads, task);
        return true;
    }
    task->abandoned = true;
    start_what_may(task->threads);
    return false;
}

void bit_user_threads_close(struct bit_user_threads *t)
{
    uv_mutex_lock(&t->lock);
    t->closed = true;
    uv_mutex_unlock(&t->lock);
    end_finished(t);
    uv_close((uv_handle_t *)&t->ended, NULL);
    uv_close((uv_handle_t *)&t->again, NULL);
}
