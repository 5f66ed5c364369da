#include "daemon/link/turn_share.h"

#include "proto/check.h"

#define SHARE_NS 1000000

/* Called once in each turn, after the poll for events. */
static void on_check(uv_check_t *check)
{
    struct bit_turn_share *s = check->data;

    s->begun_ns = 0;
}

void bit_turn_share_init(struct bit_turn_share *s, uv_loop_t *loop)
{
    *s = (struct bit_turn_share){.begun_ns = 0};
    s->last = &s->first;
    uv_idle_init(loop, &s->idle);
    uv_check_init(loop, &s->check);
    s->idle.data = s->check.data = s;
    uv_check_start(&s->check, on_check);
    uv_unref((uv_handle_t *)&s->check);
}

bool bit_turn_share_is_used(struct bit_turn_share *s)
{
    const uint64_t now_ns = uv_hrtime();

    if (s->begun_ns == 0)
        s->begun_ns = now_ns;
    return !s->closed && now_ns - s->begun_ns >= SHARE_NS;
}

static void go_on(struct bit_turn_share *s)
{
    struct bit_turn_waiter *w = s->first;

    bit_turn_share_cancel(s, w);
    w->go_on(w->arg);
}

/* At least one, even if another callback of this turn has used the share. */
static void on_idle(uv_idle_t *idle)
{
    struct bit_turn_share *s = idle->data;

    do {
        go_on(s);
    } while (s->first != NULL && !bit_turn_share_is_used(s));
}

void bit_turn_share_wait(struct bit_turn_share *s, struct bit_turn_waiter *w)
{
    BIT_ASSERT(w->back == NULL && !s->closed);
    w->next = NULL;
    w->back = s->last;
    *s->last = w;
    s->last = &w->next;
    uv_idle_start(&s->idle, on_idle);
}

bool bit_turn_waiter_waits(const struct bit_turn_waiter *w)
{
    return w->back != NULL;
}

void bit_turn_share_cancel(struct bit_turn_share *s, struct bit_turn_waiter *w)
{
    if (w->back == NULL)
        return;
    *w->back = w->next;
    if (w->next != NULL)
        w->next->back = w->back;
    else
        s->last = w->back;
    w->back = NULL;
    if (s->first == NULL && !s->closed)
        uv_idle_stop(&s->idle);
}

void bit_turn_share_close(struct bit_turn_share *s)
{
    s->closed = true;
    while (s->first != NULL)
        go_on(s);
    uv_close((uv_handle_t *)&s->idle, NULL);
    uv_close((uv_handle_t *)&s->check, NULL);
}
