#include "daemon/client/connection/stream_queue.h"

#include <stddef.h>

#include "proto/check.h"
#include "proto/timeslice.h"

static void run(uv_work_t *work)
{
    const struct bit_stream_queue *q = work->data;

    const bool yielded = bit_timeslice_yield(); /* the loop's thread has priority */

    q->first->work(q->first); /* meanwhile the loop changes the list only after it */
    bit_timeslice_resume(yielded);
}

static void start(struct bit_stream_queue *q);

static void on_done(uv_work_t *work, int status)
{
    struct bit_stream_queue *q = work->data;
    struct bit_stream_task *task = q->first;

    q->first = task->next;
    if (q->first == NULL)
        q->end = &q->first;
    else
        start(q);
    task->done(task);
}

static void start(struct bit_stream_queue *q)
{
    q->work.data = q;
    BIT_ASSERT(uv_queue_work(q->loop, &q->work, run, on_done) == 0); /* fails only without a function */
}

void bit_stream_queue_init(struct bit_stream_queue *q, uv_loop_t *loop)
{
    *q = (struct bit_stream_queue){.loop = loop};
    q->end = &q->first;
}

void bit_stream_queue_add(struct bit_stream_queue *q, struct bit_stream_task *task)
{
    bool idle = q->first == NULL;

    task->next = NULL;
    *q->end = task;
    q->end = &task->next;
    if (idle)
        start(q);
}

bool bit_stream_queue_cancel(struct bit_stream_queue *q, struct bit_stream_task *task)
{
    struct bit_stream_task **at = q->first != NULL ? &q->first->next : &q->first;

    while (*at != NULL && *at != task)
        at = &(*at)->next;
    if (*at == NULL)
        return false;
    *at = task->next;
    if (*at == NULL)
        q->end = at;
    return true;
}
