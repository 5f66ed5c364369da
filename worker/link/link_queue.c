/* Shared by the reading and the training thread: the state of the link, and the orders not yet taken. */
#include "worker/link/link_queue.h"

#include <errno.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/wire/msg.h"

/* ---- state */

bool bit_link_is_lost(int err)
{
    return err < 0 && err != BIT_EEPOCH && err != BIT_EMESSAGE && err != BIT_EVERSION && err != BIT_ELIMIT &&
           err != BIT_EUSAGE;
}

/* The first reason is kept: later ones are its consequences. */
void bit_link_set_down(struct bit_link *link, int err)
{
    pthread_mutex_lock(&link->lock);
    if (link->state == BIT_LINK_UP) {
        link->state = bit_link_is_lost(err) ? BIT_LINK_LOST : BIT_LINK_BROKEN;
        link->err = err;
        bit_format(link->text, sizeof link->text, "%s", bit_fail_text());
    }
    pthread_cond_broadcast(&link->changed);
    pthread_mutex_unlock(&link->lock);
}

enum bit_link_state bit_link_state(struct bit_link *link)
{
    pthread_mutex_lock(&link->lock);
    enum bit_link_state state = link->state;
    pthread_mutex_unlock(&link->lock);
    return state;
}

/* ---- the reading end */

int bit_link_next(struct bit_link *link, const struct bit_link_order **out)
{
    int err = 0;

    pthread_mutex_lock(&link->lock);
    if (link->head_taken) {
        bit_msg_free(link->slots[link->head].msg);
        link->slots[link->head].msg = NULL;
        link->head = (link->head + 1) % BIT_LINK_QUEUE_MAX;
        link->count--;
        link->head_taken = false;
        pthread_cond_broadcast(&link->changed);
    }
    while (link->state == BIT_LINK_UP && link->count == 0 && !link->woken)
        pthread_cond_wait(&link->changed, &link->lock);
    if (link->state != BIT_LINK_UP) {
        err = bit_fail_again(link->err, "", link->text);
    } else if (link->count == 0) {
        link->woken = false;
        err = -EINTR;
    } else {
        link->head_taken = true;
        *out = &link->slots[link->head];
    }
    pthread_mutex_unlock(&link->lock);
    return err;
}

/* A filled slot stays unchanged until it is the head and is dropped: the thread only fills slots after it. */
int bit_link_peek(struct bit_link *link, const struct bit_link_order **out)
{
    const unsigned taken = link->head_taken;
    int err = -EAGAIN;

    pthread_mutex_lock(&link->lock);
    if (link->state == BIT_LINK_UP && link->count > taken) {
        *out = &link->slots[(link->head + taken) % BIT_LINK_QUEUE_MAX];
        err = 0;
    }
    pthread_mutex_unlock(&link->lock);
    return err;
}

void bit_link_wake(struct bit_link *link)
{
    pthread_mutex_lock(&link->lock);
    link->woken = true;
    pthread_cond_broadcast(&link->changed);
    pthread_mutex_unlock(&link->lock);
}

/* ---- the writing end */

static void swap(struct bit_link_order *a, struct bit_link_order *b)
{
    struct bit_link_order t = *a;

    *a = *b;
    *b = t;
}

/* The slot's old buffer goes to the next order, so allocation ends once every buffer is large enough. */
void bit_link_queue_put(struct bit_link *link, struct bit_link_order *order)
{
    pthread_mutex_lock(&link->lock);
    while (link->count == BIT_LINK_QUEUE_MAX && link->state == BIT_LINK_UP)
        pthread_cond_wait(&link->changed, &link->lock);
    if (link->state == BIT_LINK_UP) {
        swap(order, &link->slots[(link->head + link->count) % BIT_LINK_QUEUE_MAX]);
        link->count++;
        pthread_cond_broadcast(&link->changed);
    }
    pthread_mutex_unlock(&link->lock);
    bit_msg_free(order->msg);
    order->msg = NULL;
}

void bit_link_queue_drop(struct bit_link *link)
{
    for (size_t i = 0; i < BIT_COUNT(link->slots); i++) {
        bit_msg_free(link->slots[i].msg);
        link->slots[i].msg = NULL;
    }
    link->head = link->count = 0;
    link->head_taken = false;
}
