#include "proto/data/shuffle.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/data/pcg64.h"
#include "proto/data/swap_trace.h"
#include "proto/err.h"

#define BLOCK (1u << 20) /* swaps drawn at once; the generator's state is saved before each block */

/* The generator's state before each block of an epoch's swaps: swaps are drawn from the last element down, but followed
 * from the first up. */
struct draws {
    bool known;
    uint64_t epoch;
    struct bit_pcg64 *before; /* (blocks) */
};

struct window {
    bool ready;
    uint64_t epoch, index;
    uint32_t *order; /* instances at the places [index x window, …); NULL until it is first allocated */
};

/* Computing a window takes more memory than keeping it, so the process computes one at a time. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t free;
    bool taken;
} turn = {.lock = PTHREAD_MUTEX_INITIALIZER, .free = PTHREAD_COND_INITIALIZER};

struct bit_shuffle {
    uint64_t seed;
    uint32_t count, window;
    struct draws draws; /* used by the thread that computes a window: never two at once */
    struct window now, next;
    pthread_t helper; /* computes next */
    bool helping;
    atomic_bool stop;
};

int bit_shuffle_create_windowed(uint64_t seed, uint64_t count, uint32_t window, struct bit_shuffle **out)
{
    BIT_ASSERT(window >= 1 && window <= BIT_SHUFFLE_WINDOW);
    if (count == 0 || count > UINT32_MAX)
        return bit_fail(BIT_ELIMIT, "%llu instances, and an order holds 1 to %u", (unsigned long long)count,
                        UINT32_MAX);
    struct bit_shuffle *s = calloc(1, sizeof *s);
    if (s == NULL)
        return bit_fail(-ENOMEM, "an order");
    s->seed = seed;
    s->count = (uint32_t)count;
    s->window = window;
    *out = s;
    return 0;
}

int bit_shuffle_create(uint64_t seed, uint64_t count, struct bit_shuffle **out)
{
    return bit_shuffle_create_windowed(seed, count, BIT_SHUFFLE_WINDOW, out);
}

/* ---- a small shuffle as a whole */

static int shuffle_all(const struct bit_shuffle *s, uint32_t *swap, struct window *w)
{
    struct bit_pcg64 rng;

    for (uint32_t i = 0; i < s->count; i++)
        w->order[i] = i;
    bit_pcg64_init(&rng, s->seed + w->epoch);
    for (uint32_t high = s->count - 1; high >= 1;) {
        uint32_t low = BIT_MAX(high & ~(BLOCK - 1), 1u);
        bit_pcg64_swaps(&rng, high, low, swap);
        for (uint32_t i = high; i >= low; i--) {
            uint32_t j = swap[i - low], kept = w->order[i];
            w->order[i] = w->order[j];
            w->order[j] = kept;
        }
        high = low - 1;
    }
    return 0;
}

/* ---- a window of a large shuffle */

static uint32_t block_low(uint32_t block)
{
    return BIT_MAX(block * BLOCK, 1u);
}

static uint32_t block_high(const struct bit_shuffle *s, uint32_t block)
{
    return (uint32_t)BIT_MIN((uint64_t)(block + 1) * BLOCK, (uint64_t)s->count) - 1;
}

/* Draw the whole shuffle once, to save the generator's state before each block. */
static int know_draws(struct bit_shuffle *s, uint64_t epoch, uint32_t *swap)
{
    struct draws *d = &s->draws;
    uint32_t blocks = (s->count - 1) / BLOCK + 1;
    struct bit_pcg64 rng;

    if (d->known && d->epoch == epoch)
        return 0;
    if (d->before == NULL && (d->before = calloc(blocks, sizeof *d->before)) == NULL)
        return bit_fail(-ENOMEM, "an order of %u instances", s->count);
    d->known = false;
    bit_pcg64_init(&rng, s->seed + epoch);
    for (uint32_t block = blocks; block-- > 0;) {
        d->before[block] = rng;
        if (atomic_load(&s->stop))
            return -ECANCELED;
        if (block_high(s, block) >= block_low(block))
            bit_pcg64_swaps(&rng, block_high(s, block), block_low(block), swap);
    }
    d->known = true;
    d->epoch = epoch;
    return 0;
}

static int take_turn(struct bit_shuffle *s)
{
    pthread_mutex_lock(&turn.lock);
    while (turn.taken && !atomic_load(&s->stop))
        pthread_cond_wait(&turn.free, &turn.lock);
    bool mine = !atomic_load(&s->stop);
    turn.taken |= mine;
    pthread_mutex_unlock(&turn.lock);
    return mine ? 0 : -ECANCELED;
}

static void give_turn(void)
{
    pthread_mutex_lock(&turn.lock);
    turn.taken = false;
    pthread_cond_broadcast(&turn.free);
    pthread_mutex_unlock(&turn.lock);
}

/* Sets stop, and wakes a thread that waits for its turn. */
static void say_stop(struct bit_shuffle *s)
{
    pthread_mutex_lock(&turn.lock);
    atomic_store(&s->stop, true);
    pthread_cond_broadcast(&turn.free);
    pthread_mutex_unlock(&turn.lock);
}

static int trace_window(struct bit_shuffle *s, uint32_t *swap, struct window *w)
{
    uint32_t first = (uint32_t)(w->index * s->window), blocks = (s->count - 1) / BLOCK + 1;
    struct bit_swap_trace trace;
    int err = know_draws(s, w->epoch, swap);

    if (err == 0)
        err = bit_swap_trace_init(&trace, first, BIT_MIN(s->window, s->count - first));
    if (err < 0)
        return err;
    for (uint32_t block = first / BLOCK; block < blocks && !atomic_load(&s->stop); block++) {
        uint32_t low = block_low(block), high = block_high(s, block), from = BIT_MAX(low, first);
        struct bit_pcg64 rng = s->draws.before[block];
        if (high < low)
            continue; /* a block with element 0 only, which has no swap */
        bit_pcg64_swaps(&rng, high, low, swap);
        bit_swap_trace_follow(&trace, from, high - from + 1, swap + (from - low));
    }
    bit_swap_trace_order(&trace, w->order);
    bit_swap_trace_finish(&trace);
    return atomic_load(&s->stop) ? -ECANCELED : 0;
}

static int trace_in_turn(struct bit_shuffle *s, uint32_t *swap, struct window *w)
{
    int err = take_turn(s);

    if (err == 0) {
        err = trace_window(s, swap, w);
        give_turn();
    }
    return err;
}

static int make_window(struct bit_shuffle *s, uint64_t epoch, uint64_t index, struct window *w)
{
    uint32_t *swap = malloc(BLOCK * sizeof *swap);

    w->ready = false;
    w->epoch = epoch;
    w->index = index;
    if (w->order == NULL)
        w->order = malloc(BIT_MIN(s->window, s->count) * sizeof *w->order);
    int err = 0;
    if (swap == NULL || w->order == NULL)
        err = bit_fail(-ENOMEM, "an order of %u instances", s->count);
    else
        err = s->count <= s->window ? shuffle_all(s, swap, w) : trace_in_turn(s, swap, w);
    free(swap);
    w->ready = err == 0;
    return err;
}

/* ---- the next window, on a thread */

static void *help(void *arg)
{
    struct bit_shuffle *s = arg;

    make_window(s, s->next.epoch, s->next.index, &s->next); /* on failure, turn_to computes it when it is needed */
    return NULL;
}

static void join(struct bit_shuffle *s)
{
    if (s->helping)
        pthread_join(s->helper, NULL);
    s->helping = false;
}

static void start_helper(struct bit_shuffle *s)
{
    bool last = (s->now.index + 1) * s->window >= s->count;

    if (s->count <= s->window || s->helping)
        return;
    s->next.ready = false;
    s->next.epoch = s->now.epoch + last;
    s->next.index = last ? 0 : s->now.index + 1;
    s->helping = pthread_create(&s->helper, NULL, help, s) == 0;
}

void bit_shuffle_destroy(struct bit_shuffle *s)
{
    if (s == NULL)
        return;
    say_stop(s);
    join(s);
    free(s->draws.before);
    free(s->now.order);
    free(s->next.order);
    free(s);
}

static bool is_window(const struct window *w, uint64_t epoch, uint64_t index)
{
    return w->ready && w->epoch == epoch && w->index == index;
}

/* The next window is started at the second read of this one: by then every source of a mixture has its first window. */
static int turn_to(struct bit_shuffle *s, uint64_t epoch, uint64_t index)
{
    int err = 0;

    if (is_window(&s->now, epoch, index)) {
        start_helper(s);
        return 0;
    }
    if (s->helping && (s->next.epoch != epoch || s->next.index != index))
        say_stop(s); /* another window is needed than the one being computed */
    join(s);
    atomic_store(&s->stop, false);
    if (is_window(&s->next, epoch, index)) {
        struct window old = s->now;
        s->now = s->next;
        s->next = old;
        s->next.ready = false;
    } else {
        err = make_window(s, epoch, index, &s->now);
    }
    return err;
}

int bit_shuffle_read(struct bit_shuffle *s, uint64_t epoch, uint64_t first, size_t n, uint32_t *out)
{
    BIT_ASSERT(first <= s->count && n <= s->count - first);
    while (n > 0) {
        uint64_t within = first % s->window;
        size_t here = (size_t)BIT_MIN((uint64_t)n, s->window - within);
        int err = turn_to(s, epoch, first / s->window);
        if (err < 0)
            return err;
        memcpy(out, s->now.order + within, here * sizeof *out);
        out += here;
        first += here;
        n -= here;
    }
    return 0;
}
