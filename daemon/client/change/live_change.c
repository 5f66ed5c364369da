#include "daemon/client/change/live_change.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/client/change/mutate.h"
#include "daemon/job/control.h"
#include "daemon/job/job.h"
#include "daemon/run/live_changes.h"
#include "daemon/run/live_short.h"
#include "daemon/store/runs/runner.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/log.h"
#include "proto/spec/spec.h"
#include "proto/text/problems.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("live_change");

/* ---- the first step that a change applies to */

/* The first step that is not journalled and not in an order that was sent. */
static uint64_t earliest_step(const struct bit_runner *r)
{
    return (r->job ? bit_control_earliest_switch(r->job) : r->run.step_max) + 1;
}

static int check_state(const struct bit_runner *r)
{
    const struct bit_run *run = &r->run;
    bool stops = r->job != NULL && r->job->ready && r->job->sequence.stopped;

    if (bit_run_ended(run))
        return bit_fail(BIT_ESTATE,
                        "%s is %s and cannot be changed: `bitctl fork` makes a new run from it with "
                        "other settings",
                        run->id, bit_run_state_name(run->state));
    if (stops)
        return bit_fail(BIT_ESTATE, "%s is stopping: try again when it trains or is paused", run->id);
    if (run->live.edit_count >= BIT_LIVE_CHANGES_MAX)
        return bit_fail(BIT_ELIMIT, "%s was changed %d times, which is the limit: use `bitctl fork`", run->id,
                        BIT_LIVE_CHANGES_MAX);
    return 0;
}

static int find_step(const struct bit_runner *r, const Bit__ChangeRequest *m, uint64_t *out)
{
    const uint64_t earliest = earliest_step(r), steps = r->run.spec->schedule->steps;
    const uint64_t later = m->has_later ? BIT_MIN(m->later, (uint64_t)BIT_STEPS_MAX) : 0;
    const uint64_t first = m->has_first_step ? m->first_step : earliest + later;

    if (first < earliest)
        return bit_fail(BIT_ESTATE, "step %" PRIu64 " is too early for a change: the earliest is %" PRIu64, first,
                        earliest);
    if (first > steps)
        return bit_fail(BIT_ESTATE,
                        "there is no step %" PRIu64 ": %s has %" PRIu64 ", and may be changed from step %" PRIu64 " on",
                        first, r->run.id, steps, earliest);
    *out = first;
    return 0;
}

/* ---- settings */

/* Whether it sets a field that exists to a value that it can have. */
static int check_assignment(const char *assignment)
{
    Bit__RunSpec empty = BIT__RUN_SPEC__INIT, *spec = bit_msg_clone(&empty);
    struct bit_problems *problems = calloc(1, sizeof *problems);
    int err = spec == NULL || problems == NULL ? bit_fail(-ENOMEM, "a change")
                                               : bit_spec_set(spec, assignment, problems);

    if (err == BIT_ESPEC && problems->count > 0)
        err = bit_fail(BIT_ESPEC, "%s%s%s", problems->item[0].field, problems->item[0].field[0] ? ": " : "",
                       problems->item[0].text);
    bit_msg_free(spec);
    free(problems);
    return err;
}

static int check_fields(const Bit__ChangeRequest *m)
{
    for (size_t i = 0; i < m->n_set; i++) {
        const char *why = bit_live_short_is(m->set[i]) ? NULL : bit_live_changes_refusal(m->set[i]);
        int err = why != NULL ? check_assignment(m->set[i]) : 0;
        if (err < 0)
            return err;
        if (why != NULL)
            return bit_fail(BIT_ESTATE, "%.*s cannot be changed in an existing run: %s", (int)strcspn(m->set[i], "+="),
                            m->set[i], why);
    }
    return 0;
}

/* schedule.steps must not go below the steps that are done or ordered, and a planned switch needs steps after it. */
static int check_steps(const struct bit_runner *r, const Bit__RunChanged *change)
{
    const struct bit_run *run = &r->run;
    struct bit_problems *problems = calloc(1, sizeof *problems);
    Bit__RunSpec *spec = NULL;
    int err = problems == NULL ? bit_fail(-ENOMEM, "a change")
                               : bit_live_changes_try(run->spec, change, problems, &spec);

    if (err == 0 && spec->schedule->steps < change->after_step)
        err = bit_fail(BIT_ESTATE, "schedule.steps: %" PRIu64 ": %s is at step %" PRIu64 " already",
                       spec->schedule->steps, run->id, change->after_step);
    if (err == 0 && run->plan.planned && !run->switched && run->plan.at_step >= spec->schedule->steps)
        err = bit_fail(BIT_ESTATE, "schedule.steps: %" PRIu64 ": the switch is planned after step %" PRIu64,
                       spec->schedule->steps, run->plan.at_step);
    bit_msg_free(spec);
    free(problems);
    return err;
}

/* ---- batches */

/* Finds the first step that would have trained on one of the batches. */
static int find_skip(const struct bit_runner *r, const Bit__ChangeRequest *m, uint64_t *first_step)
{
    const struct bit_run *run = &r->run;
    const uint64_t earliest = earliest_step(r), next = bit_run_position(run, earliest);
    uint64_t low = earliest, high = run->spec->schedule->steps + 1;

    if (m->skip_from == 0 || m->skip_to < m->skip_from || m->skip_to - m->skip_from >= BIT_STEPS_MAX)
        return bit_fail(BIT_EUSAGE,
                        "--batches %" PRIu64 "-%" PRIu64 ": give the first and the last batch, counted "
                        "from 1",
                        m->skip_from, m->skip_to);
    if (m->skip_from < next)
        return bit_fail(BIT_ESTATE,
                        "batch %" PRIu64 " was trained on, or is on its way to the ranks: the earliest is %" PRIu64
                        ", of step %" PRIu64,
                        m->skip_from, next, earliest);
    if (bit_rewinds_leaves_out(&run->rewinds, m->skip_from, m->skip_to))
        return bit_fail(BIT_ESTATE, "some of the batches %" PRIu64 " to %" PRIu64 " are left out already", m->skip_from,
                        m->skip_to);
    while (low < high) { /* positions ascend with the steps */
        const uint64_t middle = low + (high - low) / 2;
        if (bit_run_position(run, middle) < m->skip_from)
            low = middle + 1;
        else
            high = middle;
    }
    if (low > run->spec->schedule->steps)
        return bit_fail(BIT_ESTATE, "%s ends after step %" PRIu64 " and batch %" PRIu64 ", before batch %" PRIu64,
                        run->id, run->spec->schedule->steps, bit_run_position(run, run->spec->schedule->steps),
                        m->skip_from);
    *first_step = low;
    return 0;
}

/* ---- the request */

static void answer(struct bit_client *c, const struct bit_runner *r, const Bit__ChangeRequest *m, uint64_t first_step,
                   uint64_t event)
{
    char text[512] = "";

    for (size_t i = 0; i < m->n_set; i++)
        bit_format_more(text, sizeof text, "%s%s", i > 0 ? ", " : "", m->set[i]);
    if (m->has_skip_from)
        bit_format_more(text, sizeof text,
                        "batches %" PRIu64 " to %" PRIu64 " are left out; step %" PRIu64 " trains on batch %" PRIu64,
                        m->skip_from, m->skip_to, first_step, bit_run_position(&r->run, first_step));
    else
        bit_format_more(text, sizeof text, " from step %" PRIu64 " on", first_step);
    bit_mutate_done(c, r, first_step, event, text);
}

/* `sets` gets the assignments, with short forms written out; `change` borrows them. */
static int prepare(const struct bit_runner *r, const Bit__ChangeRequest *m, Bit__RunChanged *change,
                   struct bit_argv *sets, struct bit_problems *problems)
{
    uint64_t first_step = 0;
    int err = check_state(r);

    if (err == 0 && (m->n_set > 0) == (m->has_skip_from || m->has_skip_to))
        err = bit_fail(BIT_EUSAGE, "either settings or batches");
    if (err == 0)
        err = check_fields(m);
    if (err == 0)
        err = m->has_skip_from ? find_skip(r, m, &first_step) : find_step(r, m, &first_step);
    if (err == 0)
        err = bit_live_short_write(&r->run, first_step - 1, m->set, m->n_set, sets);
    if (err < 0)
        return err;
    change->after_step = first_step - 1;
    change->n_set = sets->count;
    change->set = sets->item;
    change->has_skip_from = change->has_skip_to = m->has_skip_from;
    change->skip_from = m->skip_from;
    change->skip_to = m->skip_to;
    err = m->n_set > 0 ? bit_live_changes_check(&r->run, change, problems) : 0;
    return err == 0 && m->n_set > 0 ? check_steps(r, change) : err;
}

static int record(struct bit_client *c, struct bit_runner *r, const Bit__ChangeRequest *m,
                  struct bit_problems *problems)
{
    Bit__RunChanged change = BIT__RUN_CHANGED__INIT;
    struct bit_argv sets = {0};
    int err = prepare(r, m, &change, &sets, problems);

    change.request_id = m->request_id;
    change.uid = c->peer.uid;
    if (err == 0)
        err = bit_try_record(r, CHANGED, changed, &change);
    bit_argv_finish(&sets);
    if (err == 0)
        bit_info("changed", "run=%s after=%" PRIu64 " uid=%u", r->run.id, change.after_step, c->peer.uid);
    if (err == 0 && r->job != NULL)
        bit_control_changed(r->job);
    return err;
}

void bit_live_change_asked(struct bit_client *c, const Bit__ChangeRequest *m)
{
    struct bit_runner *r = bit_mutate_begin(c, m->run, m->request_id, BIT_VERB_CHANGE);
    struct bit_problems *problems = r != NULL ? calloc(1, sizeof *problems) : NULL;

    if (r == NULL)
        return;
    const struct bit_run_applied *applied = bit_run_find_applied(&r->run, m->request_id);
    int err = problems == NULL ? bit_fail(-ENOMEM, "a change") : applied == NULL ? record(c, r, m, problems) : 0;
    if (err < 0 && problems != NULL && problems->count > 0) {
        bit_client_refuse_problems(c, BIT_ESPEC, problems);
    } else if (err < 0) {
        bit_client_refuse(c, err, "%s", bit_fail_text());
    } else {
        applied = bit_run_find_applied(&r->run, m->request_id);
        answer(c, r, m, applied->step, applied->seq);
    }
    free(problems);
}
