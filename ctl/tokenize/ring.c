#include "ctl/tokenize/ring.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"

#define BLOCK_BYTES_KEPT (8u << 20) /* a slot that a long line made larger than this is freed after use */

struct bit_ring {
    struct bit_ring_slot *slots;
    size_t slot_count;
    pthread_mutex_t lock; /* guards the members below, and slot.done */
    pthread_cond_t room, filled, done;
    uint64_t read_seq, work_seq, write_seq; /* blocks read, taken by workers, written; the slot is seq % slot_count */
    bool at_end, stop;
    int err;
    char error[BIT_ERR_TEXT_MAX]; /* the note of the thread that failed */
};

static void slot_finish(struct bit_ring_slot *slot)
{
    bit_line_block_finish(&slot->block);
    bit_encoded_finish(&slot->encoded);
    *slot = (struct bit_ring_slot){0};
}

int bit_ring_create(size_t slots, struct bit_ring **out)
{
    struct bit_ring *r = calloc(1, sizeof *r);

    if (r == NULL || (r->slots = calloc(slots, sizeof *r->slots)) == NULL) {
        free(r);
        return bit_fail(-ENOMEM, "%zu blocks", slots);
    }
    r->slot_count = slots;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->room, NULL);
    pthread_cond_init(&r->filled, NULL);
    pthread_cond_init(&r->done, NULL);
    *out = r;
    return 0;
}

void bit_ring_destroy(struct bit_ring *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->slot_count; i++)
        slot_finish(&r->slots[i]);
    free(r->slots);
    pthread_cond_destroy(&r->room);
    pthread_cond_destroy(&r->filled);
    pthread_cond_destroy(&r->done);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* ---- failure */

/* Keep the note of the thread that failed, without the error code's text, which bit_fail adds again. */
static void note_failure(struct bit_ring *r, int err)
{
    snprintf(r->error, sizeof r->error, "%s", bit_fail_text());
    size_t length = strlen(r->error), why = strlen(bit_strerror(err)) + 2;
    if (length > why && strcmp(r->error + length - why + 2, bit_strerror(err)) == 0)
        r->error[length - why] = '\0';
}

void bit_ring_fail(struct bit_ring *r, int err)
{
    pthread_mutex_lock(&r->lock);
    if (r->err == 0) {
        r->err = err;
        note_failure(r, err);
    }
    r->stop = true;
    pthread_cond_broadcast(&r->room);
    pthread_cond_broadcast(&r->filled);
    pthread_cond_broadcast(&r->done);
    pthread_mutex_unlock(&r->lock);
}

int bit_ring_result(const struct bit_ring *r)
{
    return r->err < 0 ? bit_fail(r->err, "%s", r->error) : 0;
}

/* ---- reader */

static struct bit_ring_slot *slot_of(struct bit_ring *r, uint64_t seq)
{
    return &r->slots[seq % r->slot_count];
}

struct bit_ring_slot *bit_ring_room(struct bit_ring *r)
{
    pthread_mutex_lock(&r->lock);
    while (!r->stop && r->read_seq - r->write_seq == r->slot_count)
        pthread_cond_wait(&r->room, &r->lock);
    struct bit_ring_slot *slot = r->stop ? NULL : slot_of(r, r->read_seq);
    pthread_mutex_unlock(&r->lock);
    return slot;
}

void bit_ring_filled(struct bit_ring *r)
{
    pthread_mutex_lock(&r->lock);
    r->read_seq++;
    pthread_cond_signal(&r->filled);
    pthread_mutex_unlock(&r->lock);
}

void bit_ring_end(struct bit_ring *r)
{
    pthread_mutex_lock(&r->lock);
    r->at_end = true;
    pthread_cond_broadcast(&r->filled);
    pthread_cond_broadcast(&r->done);
    pthread_mutex_unlock(&r->lock);
}

/* ---- workers */

struct bit_ring_slot *bit_ring_take(struct bit_ring *r)
{
    pthread_mutex_lock(&r->lock);
    while (!r->stop && !r->at_end && r->work_seq == r->read_seq)
        pthread_cond_wait(&r->filled, &r->lock);
    struct bit_ring_slot *slot = r->stop || r->work_seq == r->read_seq ? NULL : slot_of(r, r->work_seq++);
    pthread_mutex_unlock(&r->lock);
    return slot;
}

void bit_ring_done(struct bit_ring *r, struct bit_ring_slot *slot)
{
    pthread_mutex_lock(&r->lock);
    slot->done = true;
    pthread_cond_signal(&r->done);
    pthread_mutex_unlock(&r->lock);
}

/* ---- writer */

struct bit_ring_slot *bit_ring_next(struct bit_ring *r)
{
    pthread_mutex_lock(&r->lock);
    while (!r->stop && !slot_of(r, r->write_seq)->done && !(r->at_end && r->write_seq == r->read_seq))
        pthread_cond_wait(&r->done, &r->lock);
    struct bit_ring_slot *slot = slot_of(r, r->write_seq);
    if (r->stop || !slot->done)
        slot = NULL;
    pthread_mutex_unlock(&r->lock);
    return slot;
}

void bit_ring_free(struct bit_ring *r, struct bit_ring_slot *slot)
{
    if (slot->block.room > BLOCK_BYTES_KEPT)
        slot_finish(slot);
    pthread_mutex_lock(&r->lock);
    slot->done = false;
    r->write_seq++;
    pthread_cond_signal(&r->room);
    pthread_mutex_unlock(&r->lock);
}
