#include "daemon/job/reports.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/job/commit.h"
#include "daemon/job/done.h"
#include "daemon/job/job.h"
#include "daemon/job/orders.h"
#include "daemon/job/verdicts.h"
#include "daemon/run/orders/eval_precisions.h"
#include "daemon/store/known_products.h"
#include "daemon/store/retention/checkpoint_retention.h"
#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("reports");

#define REPORT_TEXT_MAX 480 /* of a worker's text in the journal */

/* After a reconnect the worker sends old reports again until it reports that it is ready. */
static bool may_repeat(const struct bit_job *job)
{
    return job->reconnected && !job->ready;
}

static void came(struct bit_job *job)
{
    bit_examine_stop(job); /* it was slow, not hung */
    if (job->outstanding > 0)
        job->outstanding--;
    bit_job_expect(job);
}

static void cut(char *text)
{
    if (text != NULL)
        text[bit_format_fit(text, REPORT_TEXT_MAX)] = '\0';
}

/* ---- ready */

static void record_ready(struct bit_job *job, Bit__WorkerReady *m)
{
    cut(m->backend);
    cut(m->fused_products);
    for (size_t i = 0; i < m->n_product; i++)
        if (m->product[i]->anew != NULL)
            bit_warn("products searched anew", "run=%s card=\"%s\" why=\"%s\"", job->runner->run.id,
                     m->product[i]->card, m->product[i]->anew);
    bit_record(job->runner, READY, ready, m);
}

/* Never train from weights that differ from what the journal says. */
static int check_ready(const struct bit_job *job, const Bit__WorkerReady *m)
{
    const struct bit_run *run = &job->runner->run;
    const struct bit_run_checkpoint *restored = bit_run_find_checkpoint(run, run->launch.restore);
    uint64_t expected = job->reconnected ? run->step : restored ? restored->step : 0;

    if (m->step != expected)
        return bit_fail(BIT_EWORKER, "the worker stands at step %" PRIu64 ", and %s step %" PRIu64, m->step,
                        job->reconnected ? "its reports end at" : "was to start after", expected);
    bool either;
    Bit__Precision precision = bit_order_sequence_expected_precision(run, m->step, &either);
    if (!either && m->phase->precision != precision)
        return bit_fail(BIT_EPHASE, "the worker is in the %s phase after step %" PRIu64 ", where the run is not",
                        m->phase->precision == BIT__PRECISION__TERNARY ? "1.58-bit" : "16-bit", m->step);
    return 0;
}

static void on_ready(struct bit_job *job, Bit__WorkerReady *m)
{
    struct bit_runner *r = job->runner;
    int err = job->ready ? bit_fail(BIT_EWORKER, "the worker reported twice that it is ready") : check_ready(job, m);

    if (err < 0) {
        bit_job_end(job, err, "%s", bit_fail_text());
        return;
    }
    if (job->done) { /* it reconnected to be allowed to exit */
        job->ready = true;
        bit_done_release(job);
        return;
    }
    if (!job->reconnected)
        record_ready(job, m);
    if (job->runner->given_up)
        return;
    bit_info("ready", "run=%s step=%" PRIu64 " parameters=%" PRIu64 " backend=%s", r->run.id, m->step, m->parameters,
             m->backend);
    bit_watch_forget_orders(&job->watch);
    job->phase = BIT_JOB_TRAINING;
    job->ready = job->stood = true;
    job->retry[0] = '\0';
    job->promised = 0;
    bit_order_sequence_init(&job->sequence, &r->run, m->step, m->phase->precision);
    job->sequence.shutdown = r->env->stopping || job->leaving[0] != '\0';
    if (r->run.state == BIT__RUN_STATE__STARTING || r->run.state == BIT__RUN_STATE__RESTARTING)
        bit_runner_set_state(r, BIT__RUN_STATE__TRAINING, "from step %" PRIu64 ", %s", m->step, m->backend);
    bit_verdicts_verify(job);
    bit_verdicts_act(job);
    bit_job_expect(job);
    bit_orders_pump(job);
}

/* Keep what the launch timed, for later launches. This launch uses it even if it cannot be kept. */
static void on_products(const struct bit_job *job, const Bit__ProductsFound *m)
{
    const struct bit_runner *r = job->runner;

    if (bit_known_products_add(r->env->config->state, m->products.data, m->products.len) < 0)
        bit_warn("products not kept", "run=%s why=\"%s\"", r->run.id, bit_fail_text());
}

/* ---- steps */

static void log_anomalies(const struct bit_run *run, const struct bit_guard_verdict *verdict)
{
    for (size_t i = 0; i < verdict->count; i++)
        bit_warn("anomaly", "run=%s step=%" PRIu64 " text=\"%s\"", run->id, verdict->report.step, verdict->text[i]);
}

static void on_step(struct bit_job *job, Bit__StepReport *m)
{
    struct bit_runner *r = job->runner;
    struct bit_guard_verdict verdict;

    if (may_repeat(job) && m->step <= r->run.step)
        return;
    bool ordered = !job->ready || m->step <= job->sequence.sent;
    if (m->step != r->run.step + 1 || !ordered || (!job->ready && !job->reconnected)) {
        bit_job_end(job, BIT_EWORKER, "a report of step %" PRIu64 " where step %" PRIu64 " was due", m->step,
                    r->run.step + 1);
        return;
    }
    bit_debug("step", "run=%s step=%" PRIu64 " loss=%.6f ms=%.1f", r->run.id, m->step, m->loss, m->ms);
    bit_guard_judge(&job->guard, &r->run, m, &verdict);
    log_anomalies(&r->run, &verdict);
    bit_record(r, STEP, step, &verdict.report);
    bit_tally_forget(&job->tally);
    bit_watch_step(&job->watch, m->ms);
    bit_verdicts_verify(job);
    came(job);
    bit_verdicts_act(job);
    bit_orders_pump(job);
}

static void on_switched(struct bit_job *job, Bit__PhaseSwitched *m)
{
    struct bit_runner *r = job->runner;

    if (may_repeat(job) && r->run.switched && r->run.switched_after == m->after_step)
        return;
    if (!r->run.plan.planned || m->after_step != r->run.plan.at_step ||
        m->phase->precision != BIT__PRECISION__TERNARY) {
        bit_job_end(job, BIT_EPHASE, "the worker switched after step %" PRIu64 ", which was not ordered",
                    m->after_step);
        return;
    }
    bit_info("switched", "run=%s after=%" PRIu64 " digest=%016" PRIx64, r->run.id, m->after_step, m->phase_digest);
    bit_record(r, SWITCHED, switched, m);
    bit_watch_switched(&job->watch);
    bit_watch_reported(&job->watch, m->after_step);
    came(job);
    bit_orders_pump(job);
}

/* ---- checkpoints, evaluations */

static void on_checkpoint_retry(uv_timer_t *timer)
{
    struct bit_job *job = timer->data;

    bit_order_sequence_retry_checkpoint(&job->sequence);
    bit_orders_pump(job);
}

static void checkpoint_failed(struct bit_job *job, const Bit__CheckpointReport *m)
{
    struct bit_runner *r = job->runner;

    bit_error("checkpoint failed", "run=%s name=%s text=%s", r->run.id, m->name,
              m->text ? m->text : bit_strerror(m->error));
    if (r->run.state == BIT__RUN_STATE__CANCELLING) /* cancelling matters more than the checkpoint */
        bit_order_sequence_checkpointed(&job->sequence, m->after_step, true);
    else
        uv_timer_start(&job->checkpoint_retry, on_checkpoint_retry, r->env->config->checkpoint_retry_ms, 0);
}

/* A checkpoint is durable and named, or failed. */
static void checkpoint_reported(struct bit_job *job, const Bit__CheckpointReport *m)
{
    struct bit_runner *r = job->runner;

    bit_record(r, CHECKPOINT, checkpoint, (Bit__CheckpointReport *)(uintptr_t)m);
    bit_order_sequence_checkpointed(&job->sequence, m->after_step, m->error == 0);
    bit_watch_reported(&job->watch, m->after_step);
    if (m->error != 0 && job->phase == BIT_JOB_TRAINING) {
        checkpoint_failed(job, m);
    } else if (m->error == 0) {
        bit_info("checkpoint", "run=%s name=%s bytes=%" PRIu64 " ms=%.1f", r->run.id, m->name, m->bytes, m->ms);
        bit_checkpoint_retention_apply(r);
    }
    if (job->phase != BIT_JOB_TRAINING)
        return;
    came(job);
    bit_orders_pump(job);
}

static void on_committed(void *arg, const Bit__CheckpointReport *m)
{
    struct bit_job *job = arg;

    checkpoint_reported(job, m);
    bit_job_committed(job); /* the job may be gone after this */
}

static void on_checkpoint(struct bit_job *job, Bit__CheckpointReport *m)
{
    struct bit_runner *r = job->runner;
    char name[32];

    bit_checkpoint_name(m->after_step, name);
    if (strcmp(m->name, name) != 0) { /* the name becomes part of paths */
        bit_job_end(job, BIT_EWORKER, "a checkpoint '%.32s' after step %" PRIu64, m->name, m->after_step);
        return;
    }
    if (may_repeat(job) && bit_run_find_checkpoint(&r->run, m->name) != NULL)
        return;
    cut(m->text);
    if (m->error != 0) {
        checkpoint_reported(job, m);
        return;
    }
    int err = bit_commit_start(r, m, on_committed, job);
    if (err < 0) {
        bit_job_end(job, err, "%s", bit_fail_text());
        return;
    }
    job->committing = true;
    bit_job_hold(job);
}

static size_t set_index(const struct bit_run *run, const Bit__EvaluateReport *m)
{
    size_t set = 0;

    while (set < run->spec->eval->n_set && strcmp(run->spec->eval->set[set]->name, m->set) != 0)
        set++;
    return set;
}

/* Sets what the worker cannot know: the bytes of text per token. */
static void put_bytes(const struct bit_job *job, Bit__EvaluateReport *m)
{
    size_t set = set_index(&job->runner->run, m);
    bool known = job->feed != NULL && set < job->runner->run.spec->eval->n_set;

    m->bytes_per_token = known ? bit_feed_eval_bytes_per_token(job->feed, set) : 0;
    m->has_bytes_per_token = m->bytes_per_token > 0;
}

/* The phase in which the boundary after this step is evaluated. */
static Bit__Precision phase_at(const struct bit_run *run, uint64_t after_step)
{
    bool ternary = run->switched && after_step > run->switched_after;

    return ternary ? BIT__PRECISION__TERNARY : BIT__PRECISION__SIXTEEN_BIT;
}

/* The index of this evaluation among the boundary's, in their order; SIZE_MAX: none of them. */
static size_t evaluation_index(const struct bit_run *run, const Bit__EvaluateReport *m)
{
    const Bit__EvalSpec *eval = run->spec->eval;
    const Bit__Precision phase = phase_at(run, m->after_step);
    const struct bit_eval_form is = {.precision = m->precision, .part = m->has_part ? (int)m->part : 0};
    const unsigned forms = bit_eval_forms(eval, phase), form = bit_eval_forms_find(eval, phase, &is);
    const size_t set = set_index(run, m);

    return set < eval->n_set && form < forms ? set * forms + form : SIZE_MAX;
}

static void on_evaluated(struct bit_job *job, Bit__EvaluateReport *m)
{
    struct bit_runner *r = job->runner;
    const struct bit_run *run = &r->run;

    if (evaluation_index(run, m) == SIZE_MAX) {
        bit_job_end(job, BIT_EWORKER, "an evaluation of '%.32s', which is no set of this run", m->set);
        return;
    }
    if (may_repeat(job) && run->eval.known &&
        (m->after_step < run->eval.step ||
         (m->after_step == run->eval.step && evaluation_index(run, m) < run->eval.count)))
        return;
    put_bytes(job, m);
    bit_record(r, EVALUATED, evaluated, m);
    bit_watch_reported(&job->watch, m->after_step);
    came(job);
    bit_orders_pump(job);
}

/* ---- tasks */

/* The index among all parts of the boundary, in their order; past the end for a precision that the boundary does not
 * evaluate. */
static uint64_t part_index(const struct bit_run *run, const Bit__ScoreReport *m)
{
    const struct bit_eval_precisions p = bit_eval_precisions(run->spec->eval, phase_at(run, m->after_step));

    return m->tag + bit_eval_precisions_find(&p, m->precision) * bit_task_orders(run->spec->eval);
}

static bool is_next_part(const struct bit_run *run, const Bit__ScoreReport *m)
{
    bool begun = run->eval.known && run->eval.step == m->after_step;

    return m->tag < bit_task_orders(run->spec->eval) && m->after_step == run->step &&
           part_index(run, m) == (begun ? run->eval.parts : 0);
}

static bool is_known_part(const struct bit_run *run, const Bit__ScoreReport *m)
{
    bool same = m->after_step == run->eval.step && part_index(run, m) < run->eval.parts;

    return run->eval.known && (m->after_step < run->eval.step || same);
}

static void on_scored(struct bit_job *job, Bit__ScoreReport *m)
{
    struct bit_runner *r = job->runner;
    const struct bit_run *run = &r->run;
    Bit__TaskScored *record = NULL;

    if (may_repeat(job) && (job->feed == NULL || is_known_part(run, m)))
        return; /* it cannot be scored without the files; it is ordered again */
    if (!is_next_part(run, m) || job->feed == NULL) {
        bit_job_end(job, BIT_EWORKER, "log-likelihoods of part %" PRIu64 " of the tasks, which was not due", m->tag);
        return;
    }
    const struct bit_task_order part = bit_task_orders_find(run->spec->eval, m->tag);
    int err = bit_task_feed_judge(bit_feed_tasks(job->feed), &part, m, run->eval.tasks.so_far, &record);
    if (err < 0) {
        bit_job_end(job, err, "%s", bit_fail_text());
        return;
    }
    bit_record(r, SCORED, scored, record);
    bit_msg_free(record);
    bit_watch_reported(&job->watch, m->after_step);
    came(job);
    bit_orders_pump(job);
}

/* ---- ends */

/* The rank whose MPI call failed is seldom the one that failed first: give the launcher time to name that one. */
static void mpi_failed(struct bit_job *job, uint32_t rank, const Bit__WorkerFailed *m)
{
    if (job->cause.known)
        return;
    job->cause = (struct bit_job_cause){.known = true, .by_mpi = true, .err = m->error, .has_rank = true, .rank = rank};
    bit_format(job->cause.text, sizeof job->cause.text, "rank %u at step %" PRIu64 ": %s", rank, m->step, m->text);
    bit_job_expect(job);
}

void bit_reports_failed(struct bit_job *job, uint32_t rank, const Bit__WorkerFailed *m)
{
    if (m->error == BIT_EMPI) {
        mpi_failed(job, rank, m);
        return;
    }
    if (!job->cause.known) {
        job->cause.has_rank = true;
        job->cause.rank = rank;
    }
    bit_job_end(job, m->error < 0 ? m->error : BIT_EWORKER, "rank %u at step %" PRIu64 ": %s", rank, m->step, m->text);
}

void bit_reports_take(struct bit_job *job, uint16_t type, const ProtobufCMessage *msg)
{
    void *m = (void *)(uintptr_t)msg; /* owned here during this call: texts are cut in place */

    switch (type) {
    case BIT_MSG_WORKER_READY:
        on_ready(job, m);
        break;
    case BIT_MSG_PRODUCTS_FOUND:
        on_products(job, m);
        break;
    case BIT_MSG_STEP_REPORT:
        on_step(job, m);
        break;
    case BIT_MSG_PHASE_SWITCHED:
        on_switched(job, m);
        break;
    case BIT_MSG_CHECKPOINT_REPORT:
        on_checkpoint(job, m);
        break;
    case BIT_MSG_EVALUATE_REPORT:
        on_evaluated(job, m);
        break;
    case BIT_MSG_SCORE_REPORT:
        on_scored(job, m);
        break;
    case BIT_MSG_WORKER_FAILED:
        bit_reports_failed(job, ((const Bit__WorkerFailed *)msg)->rank, m); /* rank 0 reports for any rank */
        break;
    case BIT_MSG_WORKER_DONE:
        bit_done_note(job, 0, m);
        break;
    default:
        break;
    }
}
