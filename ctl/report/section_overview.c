/* The section on what a run is and how it went, in figures. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "ctl/report/run_sections.h"
#include "ctl/show/print.h"
#include "proto/format.h"
#include "proto/spec/spec.h"

/* ---- what it is */

static void tell_model(struct bit_page_section *s)
{
    const Bit__ModelSpec *m = s->run->status->spec->model;
    const Bit__JournalRecord *ready = bit_run_past_last(s->run, BIT__JOURNAL_RECORD__WHAT_READY);
    char count[BIT_TEXT] = "";

    if (ready != NULL)
        bit_text_count((double)ready->ready->parameters, count);
    bit_section_fact(s, "Model", "%s%s%s%s%u layers, width %u, context %u", m->preset != NULL ? m->preset : "",
                     m->preset != NULL ? ": " : "", count, ready != NULL ? " parameters, " : "", m->layers, m->width,
                     m->context);
    if (m->init_from != NULL)
        bit_section_fact(s, "Begun from", "%s", m->init_from);
}

static void tell_phases(struct bit_page_section *s)
{
    const Bit__RunStatus *m = s->run->status;

    if (bit_spec_evaluates_only(m->spec))
        bit_section_fact(s, "Phases", "nothing is trained: a model is evaluated");
    else if (!m->has_switch_after)
        bit_section_fact(s, "Phases", "16-bit throughout");
    else if (m->switch_after == 0)
        bit_section_fact(s, "Phases", "1.58-bit from the first step");
    else
        bit_section_fact(s, "Phases", "16-bit; %s 1.58-bit after step %" PRIu64 "%s%s",
                         m->switched ? "switched to" : "is to switch to", m->switch_after,
                         m->has_switch_optimizer ? ", optimizer " : "",
                         !m->has_switch_optimizer                                 ? ""
                         : m->switch_optimizer == BIT__OPTIMIZER_AT_SWITCH__RESET ? "reset"
                                                                                  : "kept");
}

static void tell_fork(struct bit_page_section *s)
{
    const Bit__ForkStatus *fork = s->run->status->fork;

    if (fork == NULL)
        return;
    bit_section_fact(s, "Fork", "of %s after step %" PRIu64 "%s", fork->origin->run, fork->origin->step,
                     fork->origin->has_weights_only && fork->origin->weights_only     ? ", its weights alone"
                     : fork->origin->has_fresh_moments && fork->origin->fresh_moments ? ", with a fresh optimizer"
                                                                                      : "");
    if (fork->verified != NULL && !fork->verified->equal)
        bit_section_fact(s, "Against its parent", "%s%s", fork->verified->field ? "differs: " : "",
                         fork->verified->text ? fork->verified->text : "not comparable");
    else if (fork->has_verified_step)
        bit_section_fact(s, "Against its parent", "equal to the bit up to step %" PRIu64, fork->verified_step);
}

/* ---- what became of it */

static void tell_progress(struct bit_page_section *s)
{
    const Bit__RunStatus *m = s->run->status;
    const Bit__StepReport *last = m->last;
    const uint64_t tokens = s->run->times[0].tokens + s->run->times[1].tokens;
    char text[BIT_TEXT];

    if (bit_spec_evaluates_only(m->spec))
        return;
    bit_section_fact(s, "Steps", "%" PRIu64 " of %" PRIu64, m->step, m->steps);
    if (tokens > 0)
        bit_section_fact(s, "Tokens trained on", "%s, steps that were done again included",
                         bit_text_count((double)tokens, text));
    if (last != NULL)
        bit_section_fact(s, "Last step", "loss %.4f, gradient norm %.3f, learning rate %.3g", last->loss,
                         last->grad_norm, last->lr);
    if (last != NULL && last->has_zero_fraction)
        bit_section_fact(s, "Codes", "%.2f%% zeros, %.4f%% flipped in the last step", 100 * last->zero_fraction,
                         last->has_flip_rate ? 100 * last->flip_rate : 0);
}

static void tell_held_out(struct bit_page_section *s)
{
    const Bit__RunStatus *m = s->run->status;
    char text[BIT_EVALUATION_TEXT], after[BIT_AFTER_TEXT], name[160];

    for (size_t i = 0; i < m->n_held_out; i++) {
        const Bit__EvaluateReport *e = m->held_out[i];
        if (e->has_part)
            continue;
        bit_format(name, sizeof name, "%s, %s", e->set, bit_text_precision(e->precision));
        bit_section_fact(s, name, "%s%s", bit_text_evaluation(e, text), bit_text_after(e->after_step, after));
    }
}

static void tell_speed(struct bit_page_section *s)
{
    static const char *const phases[] = {"Speed in 16-bit", "Speed in 1.58-bit"};
    char rate[BIT_TEXT];

    for (int i = 0; i < 2; i++) {
        const struct bit_step_times *t = &s->run->times[i];
        if (t->count > 0 && t->sum_ms > 0)
            bit_section_fact(s, phases[i], "%s tokens/s, %.0f ms a step",
                             bit_text_count((double)t->tokens / t->sum_ms * 1000, rate), t->sum_ms / (double)t->count);
    }
}

static void tell_trust(struct bit_page_section *s)
{
    const Bit__RunStatus *m = s->run->status;

    if (m->has_restarts && m->restarts > 0)
        bit_section_fact(s, "Launches lost", "%u", m->restarts);
    if (m->verified != NULL && !m->verified->equal)
        bit_section_fact(s, "Resume", "%s", m->verified->text ? m->verified->text : "differs");
    else if (m->has_verified_step)
        bit_section_fact(s, "Resume", "verified bit for bit to step %" PRIu64, m->verified_step);
    if (m->has_anomaly_count && m->anomaly_count > 0)
        bit_section_fact(s, "Anomalies", "%" PRIu64 ", %" PRIu64 " step%s skipped, %u rewind%s", m->anomaly_count,
                         m->skipped, bit_format_s(m->skipped), m->rewinds, bit_format_s(m->rewinds));
    if (m->has_weights_digest)
        bit_section_fact(s, "Weights at the end", "digest %016" PRIx64, m->weights_digest);
}

static void tell_when(struct bit_page_section *s)
{
    const Bit__RunStatus *m = s->run->status;
    char text[BIT_SECTION_TIME], took[BIT_TEXT];

    if (m->has_created_ns)
        bit_section_fact(s, "Submitted", "%s UTC, by uid %u", bit_section_time_text(m->created_ns, text), m->uid);
    if (m->has_ended_ns)
        bit_section_fact(s, "Ended", "%s UTC", bit_section_time_text(m->ended_ns, text));
    if (m->has_started_ns && m->has_ended_ns && m->ended_ns > m->started_ns)
        bit_section_fact(s, "Took", "%s from its first step on",
                         bit_text_duration((double)(m->ended_ns - m->started_ns) * 1e-9, took));
}

void bit_section_overview(struct bit_page_section *s)
{
    const Bit__RunStatus *m = s->run->status;

    bit_section_begin(s, "overview", "Overview");
    bit_section_facts_begin(s);
    tell_model(s);
    tell_phases(s);
    tell_fork(s);
    tell_progress(s);
    tell_held_out(s);
    tell_speed(s);
    if (m->backend != NULL && m->backend[0] != '\0')
        bit_section_fact(s, "Workers", "%s", m->backend);
    tell_trust(s);
    tell_when(s);
    bit_section_facts_end(s);
    bit_section_end(s);
}
