#include "daemon/client/stream_queue.h"

#include <stddef.h>

#include "proto/check.h"

static void run(uv_work_t *work)
{
    const struct bit_turns *t = work->data;
    t->first->work(t->first); /* the loop changes what is behind it alone */
}

static void start(struct bit_turns *t);

static void on_done(uv_work_t *work, int status)
{
    struct bit_turns *t = work->data;
    struct bit_turn *turn = t->first;
    t->first = turn->next;
    if (t->first == NULL)
        t->end = &t->first;
    else
        start(t);
    turn->done(turn);
}

static void start(struct bit_turns *t)
{
    t->work.data = t;
    BIT_ASSERT(uv_queue_work(t->loop, &t->work, run, on_done) == 0); /* it refuses a missing function alone */
}

void bit_turns_init(struct bit_turns *t, uv_loop_t *loop)
{
    *t = (struct bit_turns){.loop = loop};
    t->end = &t->first;
}

void bit_turns_take(struct bit_turns *t, struct bit_turn *turn)
{
    bool idle = t->first == NULL;
    turn->next = NULL;
    *t->end = turn;
    t->end = &turn->next;
    if (idle)
        start(t);
}

bool bit_turns_cancel(struct bit_turns *t, struct bit_turn *turn)
{
    struct bit_turn **at = t->first != NULL ? &t->first->next : &t->first;
    while (*at != NULL && *at != turn)
        at = &(*at)->next;
    if (*at == NULL)
        return false;
    *at = turn->next;
    if (*at == NULL)
        t->end = at;
    return true;
}
