#include "daemon/sys/user_threads.h"

#include <stddef.h>

#include "proto/log.h"

BIT_LOG_TOPIC("aside");

#define AGAIN_MS    1000
#define STACK_BYTES (256u << 10)

static void run(void *arg)
{
    struct bit_aside_job *job = arg;
    struct bit_aside *a = job->aside;
    job->work(job);
    uv_mutex_lock(&a->lock);
    job->next_finished = a->finished;
    a->finished = job;
    if (!a->closed)
        uv_async_send(&a->ended);
    uv_mutex_unlock(&a->lock);
}

static bool has_running(const struct bit_aside *a, uid_t uid)
{
    for (const struct bit_aside_job *job = a->jobs; job != NULL; job = job->next)
        if (job->running && job->uid == uid)
            return true;
    return false;
}

static void start_again(uv_timer_t *timer);

static void start_what_may(struct bit_aside *a)
{
    const uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = STACK_BYTES};
    for (struct bit_aside_job *job = a->jobs; job != NULL; job = job->next) {
        if (job->running || has_running(a, job->uid))
            continue;
        int err = uv_thread_create_ex(&job->thread, &options, run, job);
        job->running = err == 0;
        if (err == 0)
            continue;
        bit_warn("no thread", "uid=%u text=\"%s\"", job->uid, uv_strerror(err));
        uv_timer_start(&a->again, start_again, AGAIN_MS, 0);
        return;
    }
}

static void start_again(uv_timer_t *timer)
{
    start_what_may(timer->data);
}

static void forget(struct bit_aside *a, const struct bit_aside_job *job)
{
    struct bit_aside_job **at = &a->jobs;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
}

static void end_finished(struct bit_aside *a)
{
    uv_mutex_lock(&a->lock);
    struct bit_aside_job *job = a->finished, *next;
    a->finished = NULL;
    uv_mutex_unlock(&a->lock);
    for (; job != NULL; job = next) {
        next = job->next_finished;
        uv_thread_join(&job->thread); /* it has nothing left to do */
        job->running = false;
        forget(a, job);
        job->done(job);
    }
}

static void on_ended(uv_async_t *async)
{
    struct bit_aside *a = async->data;
    end_finished(a);
    start_what_may(a);
}

int bit_aside_init(struct bit_aside *a, uv_loop_t *loop)
{
    *a = (struct bit_aside){.jobs = NULL};
    int err = uv_mutex_init(&a->lock);
    if (err == 0)
        err = uv_async_init(loop, &a->ended, on_ended);
    if (err < 0)
        return err;
    uv_timer_init(loop, &a->again);
    a->ended.data = a->again.data = a;
    uv_unref((uv_handle_t *)&a->ended);
    uv_unref((uv_handle_t *)&a->again);
    return 0;
}

void bit_aside_start(struct bit_aside *a, struct bit_aside_job *job)
{
    struct bit_aside_job **end = &a->jobs;
    job->aside = a;
    job->next = NULL;
    job->running = false;
    while (*end != NULL)
        end = &(*end)->next;
    *end = job;
    start_what_may(a);
}

void bit_aside_close(struct bit_aside *a)
{
    uv_mutex_lock(&a->lock);
    a->closed = true;
    uv_mutex_unlock(&a->lock);
    end_finished(a);
    uv_close((uv_handle_t *)&a->ended, NULL);
    uv_close((uv_handle_t *)&a->again, NULL);
}
