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

#define LOOKS       8  /* looks for silent ranks between two beats */
#define SLICE_RANKS 64 /* ranks per tick: 12 us each */
#define SLICE_MS    10 /* least time between ticks */
#define GAPS_TOLD   8  /* ranks whose gaps are logged at a launch's end: the worst */

static void on_tick(uv_timer_t *timer);

/* The number of ranks without a link changed; the listener's limits follow it. */
static void expect(struct bit_job *job, int more)
{
    job->watch.expected += (uint32_t)more;
    bit_worker_link_expect(job->jobs->links, more);
}

/* The number of ticks between two looks. */
static uint32_t ticks_per_look(const struct bit_watch *w)
{
    return w->slices / LOOKS;
}

static void start_ticks(struct bit_watch *w, uint64_t beat_ms)
{
    const uint64_t most = BIT_MAX(beat_ms / (LOOKS * SLICE_MS), 1u);
    const uint64_t per_look = BIT_MIN(BIT_MAX(w->ranks / (LOOKS * SLICE_RANKS), 1u), most);
    const uint64_t tick_ms = beat_ms / (LOOKS * per_look);

    w->slice = 0;
    w->slices = (uint32_t)(LOOKS * per_look);
    w->look_ms = tick_ms * per_look;
    uv_timer_start(&w->tick, on_tick, tick_ms, tick_ms);
}

int bit_watch_begin(struct bit_job *job)
{
    struct bit_watch *w = &job->watch;
    uint64_t beat_ms = job->runner->env->config->heartbeat_ms / BIT_BEATS_MISSED;

    bit_watch_free(job);
    w->ranks = job->places.ranks ? job->places.ranks : bit_run_ranks(&job->runner->run);
    w->rank = calloc(w->ranks, sizeof *w->rank);
    if (w->rank == NULL)
        return bit_fail(-ENOMEM, "the watch over %u ranks", w->ranks);
    for (uint32_t r = 0; r < w->ranks; r++)
        w->rank[r].job = job;
    w->fresh = true;
    w->first_ms = 0;
    w->all_here = false;
    bit_watch_forget_orders(w);
    expect(job, (int)w->ranks);
    start_ticks(w, beat_ms);
    return 0;
}

static void tell_gaps(const struct bit_job *job, const struct bit_watch_rank *rank)
{
    char text[BIT_HEARTBEAT_GAPS_TEXT_MAX];
    const struct bit_heartbeat_gaps *g = &rank->gaps;

    bit_heartbeat_gaps_print(g, text);
    bit_info("heartbeats", "run=%s rank=%td gaps=%" PRIu64 " max_ms=%" PRIu64 " ms=%s", job->runner->run.id,
             rank - job->watch.rank, g->count, g->max_ms, text);
}

/* Log the ranks with the longest gaps. */
static void tell_worst_gaps(const struct bit_job *job)
{
    const struct bit_watch_rank *worst[GAPS_TOLD];
    size_t count = 0;

    for (uint32_t r = 0; r < job->watch.ranks; r++) {
        const struct bit_watch_rank *rank = &job->watch.rank[r];
        size_t at = count;
        if (rank->gaps.count == 0)
            continue;
        while (at > 0 && worst[at - 1]->gaps.max_ms < rank->gaps.max_ms)
            at--;
        if (at == GAPS_TOLD)
            continue;
        count = BIT_MIN(count + 1, (size_t)GAPS_TOLD);
        memmove(&worst[at + 1], &worst[at], (count - 1 - at) * sizeof *worst);
        worst[at] = rank;
    }
    for (size_t i = 0; i < count; i++)
        tell_gaps(job, worst[i]);
}

void bit_watch_end(struct bit_job *job)
{
    struct bit_watch *w = &job->watch;

    uv_timer_stop(&w->tick);
    tell_worst_gaps(job);
    for (uint32_t r = 0; r < w->ranks; r++) {
        if (w->rank[r].link != NULL)
            bit_worker_link_close(w->rank[r].link);
        w->rank[r].link = NULL;
    }
    expect(job, -(int)w->expected);
}

void bit_watch_free(struct bit_job *job)
{
    struct bit_watch *w = &job->watch;

    expect(job, -(int)w->expected);
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

/* Log once per launch how long it took from the first rank to the last. Rank 0 always counts as expected. */
static void tell_all_here(struct bit_job *job)
{
    struct bit_watch *w = &job->watch;
    const uint64_t now_ms = uv_now(job->runner->env->loop);

    w->first_ms = w->first_ms == 0 ? now_ms : w->first_ms;
    if (w->all_here || w->expected > 1 || w->rank[0].pid == 0)
        return;
    w->all_here = true;
    bit_info("every rank is here", "run=%s ranks=%u ms=%" PRIu64, job->runner->run.id, w->ranks, now_ms - w->first_ms);
}

void bit_watch_greet(struct bit_job *job, struct bit_worker_link *link, const Bit__WorkerHello *hello)
{
    struct bit_watch_rank *rank = &job->watch.rank[hello->has_rank ? hello->rank : 0];

    if (rank->link != NULL) { /* it reconnected before the old link was seen to end */
        bit_worker_link_close(rank->link);
        bit_watch_unlink(rank);
    }
    rank->link = link;
    if (link != NULL)
        expect(job, -1);
    rank->greeted = true;
    rank->silent = 0;
    bit_heartbeat_gaps_forget(&rank->gaps);
    rank->step = hello->step;
    rank->pid = hello->pid;
    bit_format(rank->host, sizeof rank->host, "%s", hello->host);
    if (bit_watch_is_here(rank))
        bit_leftovers_note(&job->leftovers, (int32_t)rank->pid);
    tell_all_here(job);
}

void bit_watch_unlink(struct bit_watch_rank *rank)
{
    rank->link = NULL;
    expect(rank->job, 1);
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

/* If something is still queued for the rank, that serves as a beat. */
static bool beat(struct bit_worker_link *link)
{
    const Bit__Beat m = BIT__BEAT__INIT;

    return bit_worker_link_queued(link) > 0 || bit_worker_link_send(link, BIT_MSG_BEAT, &m, NULL) == 0;
}

/* Send beats to ranks first, first + slices, ... */
static void beat_slice(struct bit_job *job, uint32_t first)
{
    struct bit_watch *w = &job->watch;

    for (uint32_t r = first; r < w->ranks; r += w->slices) {
        const struct bit_worker_link *link = r == 0 ? job->link : w->rank[r].link;
        w->rank[r].unanswered = link == NULL || bit_worker_link_is_answered(link) ? 0 : w->rank[r].unanswered + 1;
        if (w->rank[r].link != NULL && !beat(w->rank[r].link))
            bit_watch_unlink(&w->rank[r]);
    }
    if (first == 0 && job->link != NULL && !beat(job->link))
        job->ops->lost_link(job, BIT_EDAEMON);
}

/* Rank 0's reports are left unread while a run is blocked or a checkpoint is being named: that is no silence. */
static bool is_missed(const struct bit_job *job, uint32_t r)
{
    bool unread = r == 0 && (job->link == NULL || job->committing || bit_runner_is_blocked(job->runner));

    return (job->watch.rank[r].greeted || job->watch.rank[0].greeted) && !unread;
}

uint64_t bit_watch_silent_ms(const struct bit_watch *w, uint32_t rank)
{
    return w->rank[rank].silent * w->look_ms;
}

/* One look more, because the first look may come right after the rank was heard. */
static bool is_silent(const struct bit_job *job, uint32_t r)
{
    const struct bit_config *config = job->runner->env->config;
    const uint64_t most_ms = config->heartbeat_ms + (job->watch.rank[r].greeted ? 0 : config->fence_ms);

    return is_missed(job, r) && bit_watch_silent_ms(&job->watch, r) >= most_ms + job->watch.look_ms;
}

#define UNANSWERED_MAX (BIT_BEATS_MISSED / 2) /* beats without acknowledgement; with more, the node is lost */

bool bit_watch_may_be_cut_off(const struct bit_job *job, uint32_t r)
{
    const struct bit_worker_link *link = r == 0 ? job->link : job->watch.rank[r].link;

    return link != NULL && job->watch.rank[r].unanswered <= UNANSWERED_MAX && !bit_worker_link_is_answered(link);
}

/* One beat less than for silence, since the ranks of a lost node sent their last beats at different times. */
bool bit_watch_is_cut_off(const struct bit_job *job, uint32_t r)
{
    const struct bit_worker_link *link = r == 0 ? job->link : job->watch.rank[r].link;
    const uint64_t heartbeat_ms = job->runner->env->config->heartbeat_ms;

    return job->watch.rank[r].greeted && is_missed(job, r) &&
           bit_watch_silent_ms(&job->watch, r) > heartbeat_ms - heartbeat_ms / BIT_BEATS_MISSED &&
           (link == NULL || job->watch.rank[r].unanswered > UNANSWERED_MAX);
}

static void look(struct bit_job *job)
{
    struct bit_watch *w = &job->watch;
    int64_t silent = -1;

    for (uint32_t r = 0; r < w->ranks; r++) {
        w->rank[r].silent += is_missed(job, r);
        silent = silent < 0 && is_silent(job, r) ? r : silent;
    }
    if (silent >= 0)
        job->ops->silent(job, (uint32_t)silent);
}

static void on_tick(uv_timer_t *timer)
{
    struct bit_job *job = timer->data;
    struct bit_watch *w = &job->watch;
    const uint32_t slice = w->slice;

    w->slice = (slice + 1) % w->slices;
    beat_slice(job, slice);
    if (job->done || job->launcher_ended || job->phase == BIT_JOB_ENDING || job->examine.on)
        return;
    if (slice % ticks_per_look(w) == 0)
        look(job);
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
    if (w->long_due[step % BIT_WATCH_BOUNDARIES] > 0) /* otherwise it repeats a report from before a reconnect */
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

/* The 99th percentile of the known steps, by nearest rank; 0 if they are fewer than BIT_WATCH_STEPS_MIN. */
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
