#include "daemon/client/query/doctor.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "daemon/client/connection/run_names.h"
#include "daemon/client/query/status.h"
#include "daemon/job/job.h"
#include "daemon/sys/walltime.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/wire/msg.h"

#define SILENT_S    2.0 /* longer than a busy machine delays a heartbeat */
#define ROOM_BAD    2   /* room for fewer checkpoints is BAD: one is written beside the one that it replaces */
#define ROOM_NOTICE 10

/* ---- findings */

static void add_finding(struct bit_doctor *d, Bit__Severity severity, const char *about, const char *advice,
                        const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void add_finding(struct bit_doctor *d, Bit__Severity severity, const char *about, const char *advice,
                        const char *fmt, ...)
{
    va_list args;

    if (d->count == BIT_DOCTOR_FINDINGS_MAX)
        return;
    size_t i = d->count++;
    va_start(args, fmt);
    bit_vformat(d->text[i], sizeof d->text[i], fmt, args);
    va_end(args);
    bit__finding__init(&d->item[i]);
    d->item[i].severity = severity;
    d->item[i].about = bit_lend(about);
    d->item[i].text = d->text[i];
    d->item[i].advice = bit_lend(advice);
}

static const char *advise_resume(const struct bit_doctor_facts *f, struct bit_doctor *d)
{
    const struct bit_run_checkpoint *newest = bit_run_newest(f->run);
    const char *causes = f->state == BIT__RUN_STATE__FAILED ? "; bitctl events and bitctl log have what led to it" : "";

    if (f->damaged)
        return f->spec_lost ? "its settings are in spec.txtpb of the same folder, as text"
                            : "only a backup of its journal can restore it";
    bit_format(d->resume, sizeof d->resume, "`bitctl resume %s` goes on from %s%s", f->run->id,
               newest ? newest->name : "the beginning", causes);
    return d->resume;
}

static void judge_state(const struct bit_doctor_facts *f, struct bit_doctor *d)
{
    const struct bit_run *run = f->run;

    if (f->state == BIT__RUN_STATE__FAILED)
        add_finding(d, BIT__SEVERITY__BAD, "state", advise_resume(f, d), "failed: %s", f->reason);
    else if (f->state == BIT__RUN_STATE__CANCELLED)
        add_finding(d, BIT__SEVERITY__NOTICE, "state", advise_resume(f, d), "%s", f->reason);
    else if (f->state == BIT__RUN_STATE__BLOCKED)
        add_finding(d, BIT__SEVERITY__BAD, "state", "it continues by itself once that is fixed", "stands still: %s",
                    f->reason);
    else if (f->state == BIT__RUN_STATE__RESTARTING && run->launch.failures > 0)
        add_finding(d, BIT__SEVERITY__BAD, "launch",
                    "see what the launcher printed with bitctl log; bitd keeps trying for launch_patience", "%s",
                    f->reason);
    else if (run->fruitless > 1)
        add_finding(
            d, BIT__SEVERITY__BAD, "restarts",
            "the same step ends it each time: see the cause in bitctl events, and the batch in bitctl data show",
            "%u launches in a row gained no step after step %" PRIu64, run->fruitless, run->step_max);
    else if (run->restarts > 0)
        add_finding(d, BIT__SEVERITY__NOTICE, "restarts", NULL, "launched again %u time%s", run->restarts,
                    bit_format_s(run->restarts));
}

static void judge_ranks(const struct bit_doctor_facts *f, struct bit_doctor *d)
{
    const Bit__GuardSpec *g = f->run->spec->guard;

    if (f->silent.host[0] != '\0' && f->silent.s > SILENT_S)
        add_finding(d, BIT__SEVERITY__BAD, "heartbeat",
                    "if it stays silent it is ended, and the run is restarted automatically",
                    "rank %u on %s is silent for %.1f s, last seen in %s after step %" PRIu64, f->silent.rank,
                    f->silent.host, f->silent.s, f->silent.section, f->silent.step);
    if (f->report_s > 0 && f->watchdog_s > 0 && f->report_s > f->watchdog_s / 2)
        add_finding(d, BIT__SEVERITY__BAD, "progress",
                    "at the limit every rank's stack is recorded and the job is started again",
                    "no step for %.1f s; %.1f s is the limit", f->report_s, f->watchdog_s);
    if (f->slow.known && g->straggler_ratio > 0 && f->slow.ratio > g->straggler_ratio)
        add_finding(d, BIT__SEVERITY__NOTICE, "straggler",
                    "look at that machine's clocks, temperature and neighbours; leave it out at the next launch",
                    "rank %u takes %.2f times as long as the others, most of it in %s", f->slow.rank, f->slow.ratio,
                    f->slow.place);
}

static void judge_disk(const struct bit_doctor_facts *f, struct bit_doctor *d)
{
    const struct bit_run *run = f->run;
    uint64_t one = BIT_MAX(f->checkpoint_bytes, (uint64_t)1);

    if (run->checkpoints.failures > 0)
        add_finding(d, BIT__SEVERITY__BAD, "checkpoint",
                    "until one can be written, a fault loses every step since the last one", "%u in a row failed: %s",
                    run->checkpoints.failures, run->checkpoints.error);
    if (f->checkpoint_bytes > 0 && f->disk_free / one < ROOM_NOTICE)
        add_finding(d, f->disk_free / one < ROOM_BAD ? BIT__SEVERITY__BAD : BIT__SEVERITY__NOTICE, "disk",
                    "free some (bitctl prune), or keep fewer checkpoints (checkpoint.keep_last, keep_every)",
                    "room for %" PRIu64 " more checkpoint%s", f->disk_free / one, bit_format_s(f->disk_free / one));
    const struct bit_run_checkpoint *newest = bit_run_newest(run);
    uint64_t lag = run->step - BIT_MIN(run->step, newest ? newest->step : 0), every = run->spec->checkpoint->every;
    if (every > 0 && lag > 2 * every)
        add_finding(d, BIT__SEVERITY__NOTICE, "checkpoint", "bitctl checkpoint writes one now",
                    "the newest is %" PRIu64 " steps old, and one is due every %" PRIu64, lag, every);
}

static void judge_resume(const struct bit_doctor_facts *f, struct bit_doctor *d)
{
    const Bit__ResumeVerified *v = f->run->verified;

    if (v == NULL)
        return;
    if (v->equal)
        add_finding(d, BIT__SEVERITY__GOOD, "resume", NULL, "verified to step %" PRIu64 ": %s", v->to_step,
                    v->text ? v->text : "bit for bit");
    else if (v->field == NULL)
        add_finding(d, BIT__SEVERITY__NOTICE, "resume", NULL, "%s", v->text ? v->text : "not comparable");
    else
        add_finding(d, BIT__SEVERITY__BAD, "resume",
                    "a checkpoint was altered, or a processor or a library computes differently than before",
                    "differs from what the journal holds: %s", v->text ? v->text : v->field);
}

static void judge_products(const struct bit_doctor_facts *f, struct bit_doctor *d)
{
    if (f->run->launch.products_anew[0] != '\0')
        add_finding(d, BIT__SEVERITY__NOTICE, "products",
                    "steps after that checkpoint do not repeat to the bit, but are equally good", "searched anew: %s",
                    f->run->launch.products_anew);
}

static void judge_anomalies(const struct bit_doctor_facts *f, struct bit_doctor *d)
{
    const struct bit_run *run = f->run;
    uint64_t shown = BIT_MIN(run->seen_count, (uint64_t)3);

    for (uint64_t i = 0; i < shown; i++) {
        const struct bit_run_seen *seen = &run->seen[(run->seen_count - 1 - i) % BIT_RUN_SEEN_MAX];
        bool numbers = seen->what.kind != BIT__ANOMALY_KIND__STRAGGLER && !seen->what.expected;
        add_finding(d, numbers ? BIT__SEVERITY__NOTICE : BIT__SEVERITY__GOOD, "anomaly", NULL, "step %" PRIu64 ": %s",
                    seen->step, seen->text);
    }
    if (run->skipped > 0)
        add_finding(d, BIT__SEVERITY__NOTICE, "anomaly", NULL, "%" PRIu64 " step%s made no update", run->skipped,
                    bit_format_s(run->skipped));
    if (run->rewinds.count > 0)
        add_finding(d, BIT__SEVERITY__NOTICE, "anomaly", NULL,
                    "went back %zu time%s; batches are now %" PRIu64 " further on", run->rewinds.count,
                    bit_format_s(run->rewinds.count), bit_run_position(run, run->step + 1) - run->step - 1);
}

static int worst_first(const void *a, const void *b)
{
    const Bit__Finding *x = *(Bit__Finding *const *)a, *y = *(Bit__Finding *const *)b;

    if (x->severity != y->severity)
        return (int)y->severity - (int)x->severity;
    return (x > y) - (x < y); /* in the order in which they were found */
}

void bit_doctor_judge(const struct bit_doctor_facts *f, struct bit_doctor *out)
{
    out->count = 0;
    judge_state(f, out);
    judge_ranks(f, out);
    judge_disk(f, out);
    judge_resume(f, out);
    judge_products(f, out);
    judge_anomalies(f, out);
    if (out->count == 0)
        add_finding(out, BIT__SEVERITY__GOOD, "all", NULL, "nothing is wrong");
    for (size_t i = 0; i < out->count; i++)
        out->list[i] = &out->item[i];
    qsort(out->list, out->count, sizeof out->list[0], worst_first);
}

/* ---- facts */

static double seconds_since(uint64_t ns)
{
    uint64_t now = bit_walltime_ns();

    return now > ns ? (double)(now - ns) / 1e9 : 0;
}

static void look_at_job(const struct bit_job *job, struct bit_doctor_facts *f)
{
    const struct bit_straggler *s = &job->guard.straggler;

    for (uint32_t r = 0; r < job->watch.ranks && job->watch.rank != NULL; r++) {
        const struct bit_watch_rank *rank = &job->watch.rank[r];
        const double s_ago = (double)bit_watch_silent_ms(&job->watch, r) / 1000;
        if (!rank->greeted || s_ago < f->silent.s)
            continue;
        f->silent.rank = r;
        f->silent.s = s_ago;
        f->silent.step = rank->step;
        bit_format(f->silent.host, sizeof f->silent.host, "%s", rank->host[0] ? rank->host : "this machine");
        bit_format(f->silent.section, sizeof f->silent.section, "%s", rank->heard ? rank->section : "start");
    }
    if (job->phase == BIT_JOB_TRAINING && job->outstanding > 0) {
        f->report_s = f->run->last_step_ns > 0 ? seconds_since(f->run->last_step_ns) : -1;
        f->watchdog_s = (double)bit_watch_limit_ms(job) / 1000;
    }
    for (size_t r = 0; r < s->count; r++)
        if (!f->slow.known || s->rank[r].ratio > f->slow.ratio) {
            f->slow.known = true;
            f->slow.rank = (uint32_t)r;
            f->slow.ratio = s->rank[r].ratio;
        }
    if (f->slow.known)
        f->slow.place = bit_straggler_place(s, f->slow.rank);
}

/* ---- the answer */

struct ranks {
    Bit__RankState *state, **list;
    Bit__TimeSplit *split;
};

/* Only the ranks whose own times were in the last report: 65,536 ranks would outgrow a frame, and the others have no
 * times of their own. */
static int fill_ranks(const struct bit_straggler *s, struct ranks *out, Bit__DoctorReply *reply)
{
    out->state = calloc(s->count + 1, sizeof *out->state);
    out->list = calloc(s->count + 1, sizeof *out->list);
    out->split = calloc(s->count + 1, sizeof *out->split);
    if (out->state == NULL || out->list == NULL || out->split == NULL)
        return bit_fail(-ENOMEM, "the times of %zu ranks", s->count);
    for (size_t r = 0; r < s->count; r++) {
        const struct bit_straggler_rank *rank = &s->rank[r];
        if (!bit_straggler_is_told(s, r))
            continue;
        const size_t at = reply->n_rank++;
        Bit__TimeSplit *t = &out->split[at];
        bit__time_split__init(t);
        t->wait = rank->ms[0], t->forward = rank->ms[1], t->backward = rank->ms[2];
        t->comm = rank->ms[3], t->optimizer = rank->ms[4], t->other = rank->ms[5];
        bit__rank_state__init(&out->state[at]);
        out->state[at].rank = (uint32_t)r;
        out->state[at].split = t;
        out->state[at].own = rank->own;
        out->state[at].ratio = rank->ratio;
        out->list[at] = &out->state[at];
    }
    reply->rank = out->list;
    reply->ranks_not_told = (uint32_t)(s->count - reply->n_rank);
    reply->has_ranks_not_told = reply->ranks_not_told > 0;
    return 0;
}

static void fill_disk(const struct bit_runner *r, struct bit_doctor_facts *f, Bit__DoctorReply *reply)
{
    const struct bit_run_checkpoint *newest = bit_run_newest(&r->run);
    struct statvfs fs;

    if (newest != NULL) {
        f->checkpoint_bytes = newest->bytes;
        reply->has_checkpoint_s = reply->has_checkpoint_bytes = true;
        reply->checkpoint_s = seconds_since(newest->time_ns);
        reply->checkpoint_bytes = newest->bytes;
    }
    if (statvfs(r->dir, &fs) < 0) /* may block, as does every write of the journal, which is on the same disk */
        return;
    f->disk_free = (uint64_t)fs.f_bavail * fs.f_frsize;
    reply->has_disk_free = reply->has_disk_bytes = true;
    reply->disk_free = f->disk_free;
    reply->disk_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
}

static int send_reply(struct bit_client *c, struct bit_runner *r, struct bit_status *status,
                      struct bit_doctor *findings)
{
    Bit__DoctorReply reply = BIT__DOCTOR_REPLY__INIT;
    struct ranks ranks = {0};
    struct bit_doctor_facts f = {.run = &r->run,
                                 .state = status->message.state,
                                 .reason = status->message.reason ? status->message.reason : "",
                                 .damaged = r->corrupt,
                                 .spec_lost = r->spec_lost,
                                 .report_s = -1,
                                 .watchdog_s = -1};
    int err = 0;

    fill_disk(r, &f, &reply);
    if (r->job != NULL) {
        look_at_job(r->job, &f);
        err = fill_ranks(&r->job->guard.straggler, &ranks, &reply);
        reply.has_heartbeat_s = f.silent.host[0] != '\0';
        reply.heartbeat_s = f.silent.s;
        reply.section = r->job->section[0] ? r->job->section : NULL;
    }
    reply.has_report_s = f.report_s >= 0;
    reply.report_s = f.report_s;
    reply.has_watchdog_s = f.watchdog_s >= 0;
    reply.watchdog_s = f.watchdog_s;
    reply.checkpoint_error = r->run.checkpoints.failures > 0 ? r->run.checkpoints.error : NULL;
    bit_doctor_judge(&f, findings);
    reply.finding = findings->list;
    reply.n_finding = findings->count;
    reply.status = &status->message;
    if (err == 0)
        bit_client_send(c, BIT_MSG_DOCTOR_REPLY, &reply);
    free(ranks.state);
    free(ranks.list);
    free(ranks.split);
    return err;
}

void bit_doctor_answer(struct bit_client *c, const Bit__DoctorRequest *m)
{
    struct bit_runner *r = bit_run_names_asked(c, m->run, BIT_RUN_READ);
    struct bit_status status;

    if (r == NULL)
        return;
    struct bit_doctor *findings = malloc(sizeof *findings);
    int err = bit_status_init_whole(&status, r, 0);
    if (err < 0) {
        free(findings);
        bit_client_refuse(c, err, "%s", bit_fail_text());
        return;
    }
    err = findings == NULL ? bit_fail(-ENOMEM, "findings") : 0;
    if (err == 0)
        err = send_reply(c, r, &status, findings);
    if (err < 0)
        bit_client_refuse(c, err, "%s", bit_fail_text());
    else
        bit_client_end(c);
    bit_status_finish(&status);
    free(findings);
}
