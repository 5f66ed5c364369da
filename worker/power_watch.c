#include "worker/power_watch.h"

#include <errno.h>

#include "proto/log.h"
#include "worker/process/clock.h"

BIT_LOG_TOPIC("power_watch");

static struct timespec deadline_after(double ms)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(ms / 1000);
    at.tv_nsec += (long)((ms - 1000 * (double)(time_t)(ms / 1000)) * 1e6);
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

/* True when the watch must stop, false when the interval is over. */
static bool wait_for_stop(struct bit_power_watch *w)
{
    const struct timespec until = deadline_after(BIT_POWER_WATCH_MS);

    pthread_mutex_lock(&w->lock);
    while (!w->stop && pthread_cond_timedwait(&w->stopped, &w->lock, &until) != ETIMEDOUT)
        ;
    bool stop = w->stop;
    pthread_mutex_unlock(&w->lock);
    return stop;
}

static void *look_until_stop(void *arg)
{
    struct bit_power_watch *w = arg;
    struct bit_power_reading before = bit_power_read(&w->power);
    double before_ms = bit_clock_ms();

    while (!wait_for_stop(w)) {
        const struct bit_power_reading now = bit_power_read(&w->power);
        const double now_ms = bit_clock_ms();
        pthread_mutex_lock(&w->lock);
        w->load = bit_power_between(&before, &now, (now_ms - before_ms) / 1000);
        w->known = w->load.clock_mhz >= 0 || w->load.power_w >= 0 || w->load.celsius >= 0 || w->load.capped >= 0;
        pthread_mutex_unlock(&w->lock);
        before = now;
        before_ms = now_ms;
    }
    return NULL;
}

bool bit_power_watch_start(struct bit_power_watch *w, const struct bit_exec *exec)
{
    pthread_condattr_t attr;

    *w = (struct bit_power_watch){0};
    bit_power_open(&w->power, exec);
    if (w->power.device == NULL)
        return false;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->stopped, &attr);
    pthread_condattr_destroy(&attr);
    w->running = pthread_create(&w->thread, NULL, look_until_stop, w) == 0;
    if (w->running)
        return true;
    bit_warn("GPU not watched", "why=no-thread");
    pthread_cond_destroy(&w->stopped);
    pthread_mutex_destroy(&w->lock);
    bit_power_close(&w->power);
    return false;
}

void bit_power_watch_stop(struct bit_power_watch *w)
{
    if (!w->running)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->stopped);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->stopped);
    pthread_mutex_destroy(&w->lock);
    bit_power_close(&w->power);
    w->running = false;
}

bool bit_power_watch_get(struct bit_power_watch *w, struct bit_power_load *out)
{
    if (w == NULL)
        return false;
    pthread_mutex_lock(&w->lock);
    *out = w->load;
    bool known = w->known;
    pthread_mutex_unlock(&w->lock);
    return known;
}
