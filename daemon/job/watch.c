#include "daemon/job/watch.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/job/job.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("watch");

static void on_tick(uv_timer_t *timer);

int bit_watch_begin(struct bit_job *job)
{
    struct bit_watch *w = &job->watch;
    uint64_t beat_ms = job->runner->env->config->heartbeat_ms / BIT_BEATS_MISSED;

    bit_watch_free(w);
    w->ranks = job->places.ranks ? job->places.ranks : bit_run_ranks(&job->runner->run);
    w->rank = calloc(w->ranks, sizeof *w->rank);
    if (w->rank == NULL)
        return bit_fail(-ENOMEM, "the watch over %u ranks", w->ranks);
    for (uint32_t r = 0; r < w->ranks; r++)
        w->rank[r].job = job;
    w->fresh = true;
    bit_watch_forget_orders(w);
    uv_timer_start(&w->tick, on_tick, beat_ms, beat_ms);
    return 0;
}

static void tell_gaps(const struct bit_job *job, uint32_t rank)
{
    char text[BIT_HEARTBEAT_GAPS_TEXT_MAX];
    const struct bit_heartbeat_gaps *g = &job->watch.rank[rank].gaps;

    bit_heartbeat_gaps_print(g, text);
    if (g->count > 0)
        bit_info("heartbeats", "run=%s rank=%u gaps=%" PRIu64 " max_ms=%" PRIu64 " ms=%s", job->runner->run.id, rank,
                 g->count, g->max_ms, text);
}

void bit_watch_end(struct bit_job *job)
{
    struct bit_watch *w = &job->watch;

    uv_timer_stop(&w->tick);
    for (uint32_t r = 0; r < w->ranks; r++) {
        tell_gaps(job, r);
        if (w->rank[r].link != NULL)
            bit_worker_link_close(w->rank[r].link);
        w->rank[r].link = NULL;
    }
}

void bit_watch_free(struct bit_watch *w)
{
    free(w->rank);
    w->rank = NULL;
    w->ranks = 0;
}

/* ---- heartbeats */

bool bit_watch_is_here(const struct bit_watch_rank *rank)
{
    char host[64] = "";

    gethostname(host, sizeof host - 1);
    return rank->pid > 1 && strcmp(host, rank->host) == 0;
}

void bit_watch_greet(struct bit_job *job, struct bit_worker_link *link, const Bit__WorkerHello *hello)
{
    struct bit_watch_rank *rank = &job->watch.rank[hello->has_rank ? hello->rank : 0];

    if (rank->link != NULL)
        bit_worker_link_close(rank->link); /* it came back before we saw it go */
    rank->link = link;
    rank->silent = 0;
    bit_heartbeat_gaps_forget(&rank->gaps);
    rank->step = hello->step;
    rank->pid = hello->pid;
    bit_format(rank->host, sizeof rank->host, "%s", hello->host);
    if (bit_watch_is_here(rank))
        bit_leftovers_note(&job->leftovers, (int32_t)rank->pid);
}

void bit_watch_heard(struct bit_watch_rank *rank, const Bit__Heartbeat *m)
{
    rank->heard = true;
    rank->silent = 0;
    bit_heartbeat_gaps_note(&rank->gaps, uv_now(rank->job->runner->env->loop));
    rank->step = m->step;
    bit_format(rank->section, sizeof rank->section, "%s", m->section);
}

void bit_watch_alive(struct bit_job *job, uint32_t rank)
{
    job->watch.rank[rank].silent = 0;
}

/* Where something waits to be sent, that will be heard. */
static bool beat(struct bit_worker_link *link)
{
    const Bit__Beat m = BIT__BEAT__INIT;

    return bit_worker_link_queued(link) > 0 || bit_worker_link_send(link, BIT_MSG_BEAT, &m, NULL) == 0;
}

static void beat_all(struct bit_job *job)
{
    struct bit_watch *w = &job->watch;

    for (uint32_t r = 0; r < w->ranks; r++) {
        const struct bit_worker_link *link = r == 0 ? job->link : w->rank[r].link;
        w->rank[r].unanswered = link == NULL || bit_worker_link_is_answered(link) ? 0 : w->rank[r].unanswered + 1;
    }
    for (uint32_t r = 0; r < w->ranks; r++)
        if (w->rank[r].link != NULL && !beat(w->rank[r].link))
            w->rank[r].link = NULL;
    if (job->link != NULL && !beat(job->link))
        job->ops->lost_link(job, BIT_EDAEMON);
}

/* What is held back here is not missed: reports lie unread while a run is blocked or a checkpoint gets its name. */
static bool is_missed(const struct bit_job *job, uint32_t r)
{
    bool unread = r == 0 && (job->link == NULL || job->committing || bit_runner_is_blocked(job->runner));

    return job->watch.rank[r].heard && !unread;
}

static bool is_silent(const struct bit_job *job, uint32_t r)
{
    return is_missed(job, r) && job->watch.rank[r].silent > BIT_BEATS_MISSED;
}

bool bit_watch_is_cut_off(const struct bit_job *job, uint32_t r)
{
    const struct bit_worker_link *link = r == 0 ? job->link : job->watch.rank[r].link;

    return is_silent(job, r) && (link == NULL || job->watch.rank[r].unanswered > BIT_BEATS_MISSED / 2);
}

static void on_tick(uv_timer_t *timer)
{
    struct bit_job *job = timer->data;
    struct bit_watch *w = &job->watch;
    int64_t silent = -1;

    beat_all(job);
    if (job->done || job->launcher_ended || job->phase == BIT_JOB_ENDING || job->examine.on)
        return;
    for (uint32_t r = w->ranks; r-- > 0;) {
        w->rank[r].silent += is_missed(job, r);
        silent = is_silent(job, r) ? r : silent;
    }
    if (silent >= 0)
        job->ops->silent(job, (uint32_t)silent);
}

/* ---- how long a step may take */

void bit_watch_step(struct bit_watch *w, double ms)
{
    w->step_ms[w->steps++ % BIT_WATCH_STEPS] = ms;
    w->fresh = false;
}

void bit_watch_switched(struct bit_watch *w)
{
    w->fresh = true;
}

void bit_watch_ordered(struct bit_watch *w, uint64_t step)
{
    w->long_due[step % BIT_WATCH_BOUNDARIES]++;
}

void bit_watch_reported(struct bit_watch *w, uint64_t step)
{
    if (w->long_due[step % BIT_WATCH_BOUNDARIES] > 0) /* else it is a repeat of what was ordered before a reconnect */
        w->long_due[step % BIT_WATCH_BOUNDARIES]--;
}

void bit_watch_forget_orders(struct bit_watch *w)
{
    memset(w->long_due, 0, sizeof w->long_due);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The 99th percentile of the steps known, by nearest rank; 0 before BIT_WATCH_STEPS_MIN are. */
static double p99_ms(const struct bit_watch *w)
{
    double sorted[BIT_WATCH_STEPS];
    unsigned held = BIT_MIN(w->steps, (unsigned)BIT_WATCH_STEPS);

    if (held < BIT_WATCH_STEPS_MIN)
        return 0;
    memcpy(sorted, w->step_ms, held * sizeof *sorted);
    qsort(sorted, held, sizeof *sorted, ascending);
    return sorted[(99 * held + 99) / 100 - 1];
}

uint64_t bit_watch_limit_ms(const struct bit_job *job)
{
    const struct bit_config *config = job->runner->env->config;
    const struct bit_watch *w = &job->watch;
    double p99 = p99_ms(w);
    bool is_long = p99 == 0 || w->fresh || job->sequence.stopped ||
                   w->long_due[job->runner->run.step % BIT_WATCH_BOUNDARIES] > 0;

    return is_long ? BIT_MAX(config->long_ms, config->stall_ms)
                   : BIT_MAX(config->stall_ms, (uint64_t)(config->stall_factor * p99));
}
