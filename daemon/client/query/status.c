#include "daemon/client/query/status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/job/job.h"
#include "daemon/job/order_tokens.h"
#include "daemon/run/fork_peer.h"
#include "daemon/run/orders/task_progress.h"
#include "daemon/store/queue.h"
#include "daemon/store/runs/runs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/wire/msg.h"
#include "proto/wire/strict.h"

Bit__RunState bit_status_state(const struct bit_runner *r)
{
    char text[BIT_ERR_TEXT_MAX];
    bool waits = bit_runner_is_blocked(r) || bit_runner_is_withheld(r) ||
                 (r->run.checkpoints.failures >= 2 && bit_run_active(&r->run)) ||
                 (r->job != NULL && bit_order_tokens_wait(r->job, text, sizeof text));

    return waits ? BIT__RUN_STATE__BLOCKED : r->run.state;
}

/* After a lost launch, the reason says when the next one is. */
static bool fill_retry(struct bit_status *s, const struct bit_runner *r)
{
    const struct bit_job *job = r->job;

    if (job == NULL || r->run.state != BIT__RUN_STATE__RESTARTING || job->retry[0] == '\0')
        return false;
    s->message.has_retry_s = bit_job_waits_to_launch(job, &s->message.retry_s);
    if (s->message.has_retry_s)
        bit_format(s->reason, sizeof s->reason, "%s; next try in %.0f s", job->retry, ceil(s->message.retry_s));
    else
        bit_format(s->reason, sizeof s->reason, "%s; is being launched again", job->retry);
    return true;
}

/* The priority, and the runs that it waits for, which are the reason of a queued run. */
static void fill_after(struct bit_status *s, const struct bit_runner *r)
{
    s->message.has_priority = r->run.priority != 0;
    s->message.priority = r->run.priority;
    s->message.after = s->after;
    s->message.n_after = bit_queue_after(r, s->after);
    if (s->message.n_after > 0 && r->run.state == BIT__RUN_STATE__QUEUED)
        bit_queue_describe(r, s->reason, sizeof s->reason);
}

static void fill_state(struct bit_status *s, const struct bit_runner *r)
{
    const struct bit_run *run = &r->run;
    Bit__RunStatus *m = &s->message;
    char text[BIT_RUN_REASON_MAX];

    m->state = bit_status_state(r);
    if (bit_runner_is_blocked(r))
        bit_format(s->reason, sizeof s->reason, "disk: %s", r->blocked);
    else if (bit_runner_is_withheld(r))
        bit_format(s->reason, sizeof s->reason, "not launched here: %s", r->withheld);
    else if (r->job != NULL && bit_order_tokens_wait(r->job, text, sizeof text))
        bit_format(s->reason, sizeof s->reason, "data: %s", text);
    else if (m->state == BIT__RUN_STATE__BLOCKED)
        bit_format(s->reason, sizeof s->reason, "disk: checkpoint %s", run->checkpoints.error);
    else if (!fill_retry(s, r))
        bit_format(s->reason, sizeof s->reason, "%s", run->reason);
    fill_after(s, r);
    m->queue_position = bit_queue_position(r->runs, r);
    m->has_queue_position = m->queue_position > 0;
    if (m->has_queue_position && s->reason[0] == '\0')
        bit_format(s->reason, sizeof s->reason, "%u in the queue", m->queue_position);
    m->reason = s->reason[0] ? s->reason : NULL;
    m->has_exit_code = bit_run_ended(run);
    m->exit_code = run->exit_code;
}

static void fill_sweep(Bit__RunStatus *m, const struct bit_run *run)
{
    if (run->sweep[0] == '\0')
        return;
    m->sweep = bit_lend(run->sweep);
    m->label = bit_lend(run->label);
    m->has_branch = true;
    m->branch = run->branch;
}

static void fill_progress(Bit__RunStatus *m, const struct bit_run *run)
{
    m->step = run->step;
    m->steps = run->spec->schedule->steps;
    m->precision = run->precision;
    m->strength = run->has_last && run->last.precision == run->precision ? run->last.strength : 1;
    m->has_switch_after = run->switched || run->plan.planned;
    m->switch_after = run->switched ? run->switched_after : run->plan.at_step;
    m->has_switch_optimizer = m->has_switch_after && run->plan.optimizer != 0;
    m->switch_optimizer = run->plan.optimizer;
    m->has_switched = m->has_switch_after;
    m->switched = run->switched;
    m->last = run->has_last ? (Bit__StepReport *)(uintptr_t)&run->last : NULL;
    m->gpu = run->has_gpu && run->state == BIT__RUN_STATE__TRAINING ? (Bit__GpuLoad *)(uintptr_t)&run->gpu : NULL;
    m->eval = run->eval.last.set != NULL ? (Bit__EvaluateReport *)(uintptr_t)&run->eval.last : NULL;
    m->held_out = run->eval.held_out.report;
    m->n_held_out = run->eval.held_out.count;
    m->task = run->eval.tasks.result;
    m->n_task = run->eval.tasks.count;
    double step_ms = bit_run_step_ms(run), tokens_per_s = bit_run_tokens_per_s(run);
    m->has_tokens_per_s = step_ms > 0 && isfinite(tokens_per_s); /* steps that took no time have no rate */
    m->tokens_per_s = m->has_tokens_per_s ? tokens_per_s : 0;
    double eta_s = (double)(m->steps - BIT_MIN(m->steps, m->step)) * step_ms / 1000;
    m->has_eta_s = step_ms > 0 && isfinite(eta_s) && run->state == BIT__RUN_STATE__TRAINING;
    m->eta_s = m->has_eta_s ? eta_s : 0;
    const struct bit_run_checkpoint *newest = bit_run_newest(run);
    m->has_checkpoint_step = newest != NULL;
    m->checkpoint_step = newest ? newest->step : 0;
    m->has_verified_step = run->verified_step > 0;
    m->verified_step = run->verified_step;
}

static void fill_slurm(struct bit_status *s, const struct bit_run *run)
{
    if (run->slurm.job == 0)
        return;
    s->slurm = (Bit__SlurmJob)BIT__SLURM_JOB__INIT;
    s->slurm.job = run->slurm.job;
    s->slurm.state = bit_lend(run->slurm.state);
    s->slurm.reason = bit_lend(run->slurm.reason);
    s->message.slurm = &s->slurm;
}

/* The step up to which a fork is verified, also while the comparison is still going on. */
static void fill_fork(struct bit_status *s, const struct bit_run *run)
{
    const Bit__ResumeVerified *end = run->fork_verified;
    const struct bit_rerun *rerun = run->peer != NULL ? &run->peer->rerun : NULL;

    if (run->fork == NULL)
        return;
    s->fork = (Bit__ForkStatus)BIT__FORK_STATUS__INIT;
    s->fork.origin = run->fork;
    s->fork.verified = run->fork_verified;
    bool equal = rerun != NULL && rerun->running && rerun->first.field == NULL && rerun->machines[0] == '\0';
    if (end != NULL ? end->equal : equal && rerun->compared > run->fork->step) {
        s->fork.has_verified_step = true;
        s->fork.verified_step = end != NULL ? end->to_step : rerun->compared;
    }
    s->message.fork = &s->fork;
}

static void fill_facts(Bit__RunStatus *m, const struct bit_runner *r)
{
    const struct bit_run *run = &r->run;

    m->run = bit_lend(run->id);
    m->name = run->spec->name ? run->spec->name : bit_lend(run->id);
    m->has_restarts = m->has_ranks = m->has_created_ns = m->has_uid = true;
    m->restarts = run->restarts;
    m->ranks = bit_run_ranks(run);
    m->nodes = run->launch.nodes[0] ? bit_lend(run->launch.nodes) : NULL;
    m->uid = run->uid;
    m->backend = run->launch.backend[0] ? bit_lend(run->launch.backend) : NULL;
    m->directory = r->dir;
    m->n_tag = run->tags.count;
    m->tag = run->tags.item;
    m->note = run->tags.note;
    m->created_ns = run->created_ns;
    m->has_started_ns = run->started_ns != 0;
    m->started_ns = run->started_ns;
    m->has_ended_ns = run->ended_ns != 0;
    m->ended_ns = run->ended_ns;
    m->has_weights_digest = run->has_digest;
    m->weights_digest = run->weights_digest;
}

/* Evenly spaced points of the curve, always with the last one. */
static int fill_curve(struct bit_status *s, const struct bit_history *h, uint32_t points)
{
    size_t count = BIT_MIN(h->curve_count, (size_t)BIT_MIN(points, (uint32_t)BIT_STATUS_POINTS_MAX));

    if (count == 0)
        return 0;
    s->point = calloc(count, sizeof *s->point);
    s->points = calloc(count, sizeof *s->points);
    if (s->point == NULL || s->points == NULL)
        return bit_fail(-ENOMEM, "a loss curve");
    for (size_t i = 0; i < count; i++) {
        size_t from = count == 1 ? h->curve_count - 1 : i * (h->curve_count - 1) / (count - 1);
        bit__curve_point__init(&s->point[i]);
        s->point[i].step = h->curve[from].step;
        s->point[i].loss = h->curve[from].loss;
        s->points[i] = &s->point[i];
    }
    s->message.n_curve = count;
    s->message.curve = s->points;
    return 0;
}

int bit_status_init(struct bit_status *out, const struct bit_runner *r, uint32_t points)
{
    *out = (struct bit_status){.message = BIT__RUN_STATUS__INIT};
    fill_state(out, r);
    fill_progress(&out->message, &r->run);
    fill_sweep(&out->message, &r->run);
    fill_facts(&out->message, r);
    fill_slurm(out, &r->run);
    out->message.scoring = bit_task_progress(&r->run, &out->scoring) ? &out->scoring : NULL;
    fill_fork(out, &r->run);
    int err = fill_curve(out, &r->run.history, points);
    if (err < 0)
        bit_status_finish(out);
    return err;
}

struct bit_status_guard {
    Bit__SeenAnomaly item[BIT_RUN_SEEN_MAX], *list[BIT_RUN_SEEN_MAX];
    Bit__Anomaly what[BIT_RUN_SEEN_MAX];
};

static int add_guard(struct bit_status *s, const struct bit_run *run, size_t most)
{
    size_t count = (size_t)BIT_MIN(run->seen_count, (uint64_t)BIT_MIN(most, (size_t)BIT_RUN_SEEN_MAX));
    struct bit_status_guard *g = calloc(1, sizeof *g);

    if (g == NULL)
        return bit_fail(-ENOMEM, "anomalies");
    s->guard = g;
    for (size_t i = 0; i < count; i++) {
        const struct bit_run_seen *seen = &run->seen[(run->seen_count - count + i) % BIT_RUN_SEEN_MAX];
        g->what[i] = seen->what;
        g->what[i].place = seen->place[0] ? bit_lend(seen->place) : NULL;
        g->what[i].text = bit_lend(seen->text);
        bit__seen_anomaly__init(&g->item[i]);
        g->item[i].step = seen->step;
        g->item[i].time_ns = seen->time_ns;
        g->item[i].what = &g->what[i];
        g->list[i] = &g->item[i];
    }
    s->message.anomaly = g->list;
    s->message.n_anomaly = count;
    s->message.has_anomalies = s->message.has_anomaly_count = s->message.has_skipped = s->message.has_rewinds = true;
    s->message.anomalies = s->message.anomaly_count = run->seen_count;
    s->message.skipped = run->skipped;
    s->message.rewinds = (uint32_t)run->rewinds.count;
    s->message.verified = run->verified;
    s->message.set_aside = run->checkpoints.set_aside;
    return 0;
}

struct bit_status_changes {
    Bit__Change item[BIT_CHANGES_MAX], *list[BIT_CHANGES_MAX];
};

static int add_changes(struct bit_status *s, const struct bit_run *run, size_t most)
{
    s->message.has_change_count = true;
    s->message.change_count = run->changes != NULL ? run->changes->count : 0;
    const size_t count = (size_t)BIT_MIN(s->message.change_count, (uint64_t)BIT_MIN(most, (size_t)BIT_CHANGES_MAX));
    if (count == 0)
        return 0;
    s->changes = calloc(1, sizeof *s->changes);
    if (s->changes == NULL)
        return bit_fail(-ENOMEM, "changes");
    for (size_t i = 0; i < count; i++) {
        const struct bit_change *from = bit_changes_at(run->changes, count, i);
        Bit__Change *to = s->changes->list[i] = &s->changes->item[i];
        bit__change__init(to);
        to->setting = bit_lend(from->setting);
        to->was = bit_lend(from->was);
        to->is = bit_lend(from->is);
        to->step = from->step;
        to->event = from->event;
        to->time_ns = from->time_ns;
        to->has_uid = from->has_uid;
        to->uid = from->uid;
    }
    s->message.change = s->changes->list;
    s->message.n_change = count;
    return 0;
}

int bit_status_add_history(struct bit_status *s, const struct bit_run *run, size_t most)
{
    int err = add_guard(s, run, most);

    return err < 0 ? err : add_changes(s, run, most);
}

int bit_status_init_whole(struct bit_status *out, const struct bit_runner *r, uint32_t points)
{
    int err = bit_status_init(out, r, points);

    if (err == 0 && (err = bit_status_add_history(out, &r->run, SIZE_MAX)) < 0)
        bit_status_finish(out);
    return err;
}

int bit_status_add_spec(struct bit_status *s, const struct bit_run *run)
{
    s->message.spec = s->spec = bit_changes_effective(run->spec, &run->plan);
    return s->spec != NULL ? 0 : bit_fail(-ENOMEM, "a specification");
}

void bit_status_finish(struct bit_status *s)
{
    free(s->changes);
    s->changes = NULL;
    bit_msg_free(s->spec);
    s->spec = s->message.spec = NULL;
    free(s->guard);
    s->guard = NULL;
    free(s->point);
    free(s->points);
    s->point = NULL;
    s->points = NULL;
}

int bit_status_check(const Bit__RunStatus *m)
{
    size_t bytes = bit__run_status__get_packed_size(m);
    uint8_t *buf = malloc(bytes + 1);

    if (buf == NULL)
        return bit_fail(-ENOMEM, "a status of %zu bytes", bytes);
    bit__run_status__pack(m, buf);
    int err = bit_strict_repair(&bit__run_status__descriptor, buf, bytes); /* as it is sent: texts are repaired */
    free(buf);
    return err;
}
