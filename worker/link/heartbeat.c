#include "worker/link/heartbeat.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/wire/msg.h"
#include "worker/link/link_queue.h"
#include "worker/process/clock.h"
#include "worker/process/signals.h"

BIT_LOG_TOPIC("heartbeat");

#define BEAT_MS    500
#define WELCOME_MS 30000 /* a daemon that accepts answers within this time, whatever its other ranks ask of it */
#define AGAIN_MS   1000  /* longest turn while there is no link (pace.h) */

static int send_beat(struct bit_heartbeat *beat)
{
    Bit__Heartbeat heartbeat = BIT__HEARTBEAT__INIT;
    char section[32] = "";

    strncpy(section, bit_section_name(atomic_load(&beat->sections->now)), sizeof section - 1);
    heartbeat.step = atomic_load(&beat->sections->step);
    heartbeat.section = section;
    heartbeat.told = (uint32_t)bit_signals_told();
    heartbeat.has_told = heartbeat.told != 0;
    return bit_link_send(beat->link, BIT_MSG_HEARTBEAT, &heartbeat);
}

static double silent_ms(const struct bit_heartbeat *beat)
{
    return bit_clock_ms() - atomic_load(&beat->link->heard_ms);
}

/* How long to wait for a welcome: at most the time that is left until the fence. */
static int64_t patience_ms(const struct bit_heartbeat *beat)
{
    const int64_t left_ms = beat->fence_ms - (int64_t)silent_ms(beat);

    return beat->fence_ms <= 0 ? WELCOME_MS : BIT_MIN(BIT_MAX(left_ms, 1), WELCOME_MS);
}

/* Connects a rank that takes no orders: it has no session that would connect again. */
static void connect_own(struct bit_heartbeat *beat)
{
    Bit__WorkerHello hello = BIT__WORKER_HELLO__INIT;
    Bit__Welcome *welcome = NULL;

    if (bit_pace_rests(&beat->pace))
        return;
    hello.ranks = beat->ranks;
    hello.step = atomic_load(&beat->sections->step);
    hello.training = hello.has_rank = true;
    hello.rank = beat->rank;
    int err = bit_link_connect(&beat->own, &hello, patience_ms(beat), &welcome);
    if (err < 0) {
        bit_pace_failed(&beat->pace, err);
        bit_debug("not connected", "rests=%u why=%s", beat->pace.rests, bit_fail_text());
    } else {
        bit_pace_connected(&beat->pace);
    }
    bit_msg_free(welcome);
    pthread_mutex_lock(&beat->lock);
    beat->says_done = beat->has_done;
    pthread_mutex_unlock(&beat->lock);
}

/* If the link is down, it is sent on the next one. */
static void say_done(struct bit_heartbeat *beat)
{
    pthread_mutex_lock(&beat->lock);
    const Bit__WorkerDone done = beat->done;
    const bool due = beat->has_done && beat->says_done;
    beat->says_done = false;
    pthread_mutex_unlock(&beat->lock);
    if (due)
        bit_link_send(beat->link, BIT_MSG_WORKER_DONE, &done);
}

/* Ends the process with _exit only: the main thread may be in the middle of anything, and its work no longer counts. */
static void check_fence(const struct bit_heartbeat *beat)
{
    if (beat->fence_ms <= 0 || silent_ms(beat) <= (double)beat->fence_ms)
        return;
    bit_error("fenced", "why=\"bitd was not heard for %.1f s; another launch may be training\" step=%" PRIu64,
              silent_ms(beat) / 1000, (uint64_t)atomic_load(&beat->sections->step));
    _exit(BIT_EXIT_UNAVAILABLE);
}

/* Whether this thread must connect the link. */
static bool is_down(struct bit_heartbeat *beat)
{
    return beat->link == &beat->own && bit_link_state(&beat->own) != BIT_LINK_UP;
}

static void beat_once(struct bit_heartbeat *beat)
{
    check_fence(beat);
    if (is_down(beat))
        connect_own(beat);
    send_beat(beat); /* a lost link is connected again by the session or at the next beat */
    say_done(beat);
}

static void add_ms(struct timespec *t, int64_t ms)
{
    t->tv_sec += (time_t)(ms / 1000);
    t->tv_nsec += (long)(ms % 1000) * 1000000L;
    t->tv_sec += t->tv_nsec / 1000000000L;
    t->tv_nsec %= 1000000000L;
}

static bool is_past(const struct timespec *t)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return t->tv_sec < now.tv_sec || (t->tv_sec == now.tv_sec && t->tv_nsec <= now.tv_nsec);
}

/* Time until the next beat or, without a link, until the next attempt. */
static int64_t pause_ms(struct bit_heartbeat *beat)
{
    return is_down(beat) ? BIT_MIN(beat->beat_ms, AGAIN_MS) : beat->beat_ms;
}

/* Skips beats that are already past: an attempt to connect may have taken several intervals. */
static void set_next(struct timespec *next, int64_t first_ms, int64_t interval_ms)
{
    add_ms(next, first_ms);
    while (is_past(next))
        add_ms(next, interval_ms);
}

/* Waits until `then`, the end, or a message to send. The caller holds the lock. */
static void wait_until(struct bit_heartbeat *beat, const struct timespec *then)
{
    while (!beat->ends && !beat->says_done && !beat->says_told &&
           pthread_cond_timedwait(&beat->change, &beat->lock, then) != ETIMEDOUT)
        ;
}

/* A message for which the thread was woken between two beats is sent alone, unless the link must be connected first. */
static void take_turn(struct bit_heartbeat *beat, bool beats)
{
    if (beats || is_down(beat))
        beat_once(beat);
    else
        say_done(beat);
}

static void *beat_until_end(void *arg)
{
    struct bit_heartbeat *beat = arg;
    const int64_t first_ms = bit_pace_first_ms(beat->rank, beat->beat_ms);
    bool spreads = true; /* the pause after the first beat differs by rank, so that the later beats are spread */
    struct timespec next;

    clock_gettime(CLOCK_MONOTONIC, &next);
    add_ms(&next, first_ms);
    pthread_mutex_lock(&beat->lock);
    if (first_ms > 0)
        wait_until(beat, &next);
    while (!beat->ends) {
        const bool is_due = is_past(&next), beats = is_due || beat->says_told;
        beat->says_told = false;
        pthread_mutex_unlock(&beat->lock);
        take_turn(beat, beats);
        const int64_t ms = pause_ms(beat);
        pthread_mutex_lock(&beat->lock);
        if (is_due)
            set_next(&next, spreads ? bit_pace_spread_ms(beat->rank, beat->ranks, ms) : ms, ms);
        spreads = spreads && !is_due;
        wait_until(beat, &next);
    }
    pthread_mutex_unlock(&beat->lock);
    return NULL;
}

/* Beats at once: a warning may leave less time than there is until the next beat. */
static void say_told(void *arg)
{
    struct bit_heartbeat *beat = arg;

    pthread_mutex_lock(&beat->lock);
    beat->says_told = true;
    pthread_cond_signal(&beat->change);
    pthread_mutex_unlock(&beat->lock);
}

static int start(struct bit_heartbeat *beat, const Bit__Welcome *welcome)
{
    pthread_condattr_t attr;

    beat->beat_ms = welcome->has_beat_ms && welcome->beat_ms > 0 ? welcome->beat_ms : BEAT_MS;
    beat->fence_ms = welcome->has_fence_ms ? (int64_t)welcome->fence_ms : 0;
    atomic_store(&beat->link->heard_ms, bit_clock_ms());
    pthread_mutex_init(&beat->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&beat->change, &attr);
    pthread_condattr_destroy(&attr);
    int err = pthread_create(&beat->thread, NULL, beat_until_end, beat);
    if (err == 0) {
        beat->has_thread = true;
        bit_signals_tell(say_told, beat);
        return 0;
    }
    pthread_cond_destroy(&beat->change);
    pthread_mutex_destroy(&beat->lock);
    return bit_fail(-err, "the heartbeat's thread");
}

int bit_heartbeat_start(struct bit_heartbeat *beat, struct bit_link *link, const struct bit_sections *sections,
                        const Bit__Welcome *welcome)
{
    *beat = (struct bit_heartbeat){.link = link, .sections = sections};
    return start(beat, welcome);
}

int bit_heartbeat_start_own(struct bit_heartbeat *beat, const struct bit_link_config *config, uint32_t rank,
                            uint32_t ranks, const struct bit_sections *sections, const Bit__Welcome *welcome)
{
    *beat = (struct bit_heartbeat){.sections = sections, .rank = rank, .ranks = ranks};
    beat->link = &beat->own;
    bit_link_init(&beat->own, config);
    int err = start(beat, welcome);
    if (err < 0)
        bit_link_finish(&beat->own);
    return err;
}

void bit_heartbeat_done(struct bit_heartbeat *beat, const Bit__WorkerDone *done)
{
    if (!beat->has_thread || beat->link != &beat->own)
        return;
    const bool wakes = done != NULL && is_down(beat); /* the thread must connect first */

    pthread_mutex_lock(&beat->lock);
    beat->has_done = beat->says_done = done != NULL;
    if (done != NULL)
        beat->done = *done;
    if (wakes)
        pthread_cond_signal(&beat->change);
    pthread_mutex_unlock(&beat->lock);
    if (!wakes)
        say_done(beat);
}

void bit_heartbeat_failed(struct bit_heartbeat *beat, int err, const char *text)
{
    Bit__WorkerFailed failed = BIT__WORKER_FAILED__INIT;
    char copy[BIT_ERR_TEXT_MAX];

    if (!beat->has_thread || beat->link != &beat->own)
        return;
    bit_format(copy, sizeof copy, "%s", text);
    failed.rank = beat->rank;
    failed.error = err;
    failed.step = atomic_load(&beat->sections->step);
    failed.text = copy;
    bit_link_send(beat->link, BIT_MSG_WORKER_FAILED, &failed);
}

void bit_heartbeat_stop(struct bit_heartbeat *beat)
{
    if (!beat->has_thread)
        return;
    bit_signals_tell(NULL, NULL);
    pthread_mutex_lock(&beat->lock);
    beat->ends = true;
    pthread_cond_signal(&beat->change);
    pthread_mutex_unlock(&beat->lock);
    pthread_join(beat->thread, NULL);
    pthread_cond_destroy(&beat->change);
    pthread_mutex_destroy(&beat->lock);
    if (beat->link == &beat->own)
        bit_link_finish(&beat->own);
    *beat = (struct bit_heartbeat){0};
}
