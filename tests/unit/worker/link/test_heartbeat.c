/*
 * When a rank's heartbeat thread runs and what it sends, over a link that only notes it. pthread_cond_signal and
 * pthread_cond_timedwait are wrapped by the linker: the test counts the first, and reads until when the second waits.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#include "proto/wire/msg.h"
#include "tests/test.h"
#include "worker/link/heartbeat.h"
#include "worker/link/link_queue.h"
#include "worker/process/signals.h"

#define BEAT_MS  600000 /* no beat but the first comes by itself */
#define SENT_MAX 8

int __real_pthread_cond_signal(pthread_cond_t *cond);
int __wrap_pthread_cond_signal(pthread_cond_t *cond);
int __real_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock, const struct timespec *then);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock, const struct timespec *then);

static atomic_uint signals, sent_count, attempts;
static _Atomic int64_t until_ms;
static uint16_t sent[SENT_MAX];
static sem_t has_sent, waits;
static struct bit_sections sections;
static void (*warn)(void *arg);
static void *warn_arg;

static int64_t in_ms(const struct timespec *t)
{
    return (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000;
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return in_ms(&t);
}

int __wrap_pthread_cond_signal(pthread_cond_t *cond)
{
    atomic_fetch_add(&signals, 1);
    return __real_pthread_cond_signal(cond);
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock, const struct timespec *then)
{
    atomic_store(&until_ms, in_ms(then));
    sem_post(&waits);
    return __real_pthread_cond_timedwait(cond, lock, then);
}

static unsigned wakes(void)
{
    return atomic_load(&signals);
}

static unsigned messages(void)
{
    return atomic_load(&sent_count);
}

static int64_t next_ms(void)
{
    return atomic_load(&until_ms);
}

/* ---- the link */

void bit_link_init(struct bit_link *link, const struct bit_link_config *config)
{
    link->config = *config;
    link->state = BIT_LINK_DOWN;
}

void bit_link_finish(struct bit_link *link)
{
    link->state = BIT_LINK_DOWN;
}

enum bit_link_state bit_link_state(struct bit_link *link)
{
    return link->state;
}

int bit_link_connect(struct bit_link *link, const Bit__WorkerHello *hello, int64_t wait_ms, Bit__Welcome **out)
{
    (void)hello, (void)wait_ms, (void)out;
    atomic_fetch_add(&attempts, 1);
    link->state = BIT_LINK_UP;
    return 0;
}

int bit_link_send(struct bit_link *link, uint16_t type, const void *msg)
{
    (void)link, (void)msg;
    sent[atomic_fetch_add(&sent_count, 1) % SENT_MAX] = type;
    sem_post(&has_sent);
    return 0;
}

const char *bit_section_name(int section)
{
    (void)section;
    return "test";
}

void bit_signals_tell(void (*tell)(void *arg), void *arg)
{
    warn = tell;
    warn_arg = arg;
}

int bit_signals_told(void)
{
    return 0;
}

/* ---- tests */

/* Starts a rank's heartbeat, and waits until it has beaten once and waits for the next beat. */
static void begin(struct bit_heartbeat *beat, uint32_t rank, uint32_t ranks)
{
    const struct bit_link_config config = {.run = "r1"};
    Bit__Welcome welcome = BIT__WELCOME__INIT;

    welcome.has_beat_ms = true;
    welcome.beat_ms = BEAT_MS;
    atomic_store(&sent_count, 0);
    atomic_store(&attempts, 0);
    sem_init(&has_sent, 0, 0);
    sem_init(&waits, 0, 0);
    EXPECT_EQ(bit_heartbeat_start_own(beat, &config, rank, ranks, &sections, &welcome), 0);
    sem_wait(&has_sent);
    sem_wait(&waits);
    EXPECT_EQ(sent[0], BIT_MSG_HEARTBEAT);
    atomic_store(&signals, 0);
}

TEST(a_step_wakes_no_heartbeat)
{
    struct bit_heartbeat beat;

    begin(&beat, 1, 2);
    for (int step = 0; step < 10; step++)
        bit_heartbeat_done(&beat, NULL);
    EXPECT_EQ(wakes(), 0u);
    bit_heartbeat_stop(&beat);
    EXPECT_EQ(messages(), 1u);
}

TEST(done_is_sent_at_once_and_alone)
{
    const Bit__WorkerDone done = BIT__WORKER_DONE__INIT;
    struct bit_heartbeat beat;

    begin(&beat, 1, 2);
    bit_heartbeat_done(&beat, &done);
    EXPECT_EQ(messages(), 2u);
    EXPECT_EQ(sent[1], BIT_MSG_WORKER_DONE);
    EXPECT_EQ(wakes(), 0u);
    warn(warn_arg);
    sem_wait(&has_sent);
    sem_wait(&has_sent);
    sem_wait(&waits);
    bit_heartbeat_stop(&beat);
    EXPECT_EQ(sent[2], BIT_MSG_HEARTBEAT); /* the thread does not send it again */
    EXPECT_EQ(messages(), 3u);
}

TEST(without_a_link_done_connects_it_and_is_sent_after_a_beat)
{
    const Bit__WorkerDone done = BIT__WORKER_DONE__INIT;
    struct bit_heartbeat beat;

    begin(&beat, 1, 2);
    beat.own.state = BIT_LINK_LOST;
    bit_heartbeat_done(&beat, &done);
    sem_wait(&has_sent);
    sem_wait(&has_sent);
    EXPECT_EQ(sent[1], BIT_MSG_HEARTBEAT);
    EXPECT_EQ(sent[2], BIT_MSG_WORKER_DONE);
    EXPECT(atomic_load(&attempts) == 2);
    bit_heartbeat_stop(&beat);
}

TEST(a_warning_beats_at_once_and_moves_no_other_beat)
{
    struct bit_heartbeat beat;

    begin(&beat, 1, 2);
    const int64_t due_ms = next_ms();
    warn(warn_arg);
    sem_wait(&has_sent);
    EXPECT_EQ(sent[1], BIT_MSG_HEARTBEAT);
    sem_wait(&waits);
    EXPECT_EQ(next_ms(), due_ms);
    bit_heartbeat_stop(&beat);
}

/* Otherwise some ranks would be silent for two intervals after they connected, or after bitd came back. */
TEST(the_second_beat_comes_within_an_interval)
{
    struct bit_heartbeat beat;
    const int64_t begin_ms = now_ms();

    begin(&beat, 3, 4);
    const int64_t after_ms = next_ms() - BEAT_MS * 3 / 4;
    EXPECT(after_ms >= begin_ms && after_ms <= now_ms());
    bit_heartbeat_stop(&beat);
}

TEST_MAIN
