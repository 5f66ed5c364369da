#include "ctl/show/status_page.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/show/curve.h"
#include "ctl/show/fold.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "proto/check.h"
#include "proto/format.h"

#define FIELD   13 /* width of the names' column */
#define CHANGES 4  /* how many changes of settings are shown */

static void field(FILE *f, const char *name)
{
    bit_show(f, "%-*s ", FIELD, name);
}

static void print_phase(FILE *f, const Bit__RunStatus *s)
{
    field(f, "phase");
    bit_show(f, "%s", bit_text_precision(s->precision));
    if (s->precision == BIT__PRECISION__TERNARY && s->strength < 1)
        bit_show(f, " at strength %.3f", s->strength);
    if (s->has_switch_after)
        bit_show(f, s->switched ? ", switched after step %" PRIu64 : ", switches after step %" PRIu64, s->switch_after);
    if (s->has_switch_after && s->has_switch_optimizer)
        bit_show(f, ", optimizer %s", s->switch_optimizer == BIT__OPTIMIZER_AT_SWITCH__RESET ? "reset" : "kept");
    fputc('\n', f);
}

static void print_split(FILE *f, const Bit__TimeSplit *t)
{
    field(f, "step time");
    bit_show(f, "forward %.1f  backward %.1f  comm %.1f  optimizer %.1f  wait %.1f  other %.1f ms\n", t->forward,
             t->backward, t->comm, t->optimizer, t->wait, t->other);
}

static void print_gpu(FILE *f, const Bit__GpuLoad *gpu)
{
    const char *lead = "";
    char name[16];

    if (gpu == NULL)
        return;
    snprintf(name, sizeof name, "%u GPU%s", gpu->gpus, bit_format_s(gpu->gpus));
    field(f, name);
    if (gpu->has_clock_mhz)
        bit_show(f, "%.0f MHz", gpu->clock_mhz), lead = "   ";
    if (gpu->has_power_w)
        bit_show(f, "%s%.0f W", lead, gpu->power_w), lead = "   ";
    if (gpu->has_temperature_c)
        bit_show(f, "%s%.0f C", lead, gpu->temperature_c), lead = "   ";
    if (gpu->has_power_capped)
        bit_show(f, "%sat the power cap %.0f%% of the time", lead, 100 * gpu->power_capped);
    fputc('\n', f);
}

static void print_last(FILE *f, const Bit__RunStatus *s)
{
    const Bit__StepReport *last = s->last;
    char rate[BIT_TEXT];

    if (!last)
        return;
    field(f, "loss");
    bit_show(f, "%.4f   gradient norm %.3f   lr %.3e\n", last->loss, last->grad_norm, last->lr);
    field(f, "speed");
    bit_show(f, "%s tokens/s   %.0f ms a step, slowest rank %u\n",
             s->has_tokens_per_s ? bit_text_count(s->tokens_per_s, rate) : "-", last->ms, last->slowest_rank);
    print_split(f, last->split);
    print_gpu(f, s->gpu);
    if (last->has_zero_fraction) {
        field(f, "codes");
        bit_show(f, "%.2f%% zeros   %.4f%% flipped in the last step\n", 100 * last->zero_fraction,
                 last->has_flip_rate ? 100 * last->flip_rate : 0);
    }
}

static void print_curve(FILE *f, const Bit__RunStatus *s, int columns, int rows)
{
    struct bit_loss_point *points = calloc(s->n_curve ? s->n_curve : 1, sizeof *points);

    if (!points)
        return;
    for (size_t i = 0; i < s->n_curve; i++)
        points[i] = (struct bit_loss_point){s->curve[i]->step, s->curve[i]->loss};
    fputc('\n', f);
    bit_curve_draw(f, points, s->n_curve, s->has_switch_after ? s->switch_after : UINT64_MAX, columns - 12, rows);
    free(points);
}

/* Prints the last ones; `status --json` has more. */
static void print_changes(FILE *f, const Bit__RunStatus *s)
{
    for (size_t i = s->n_change > CHANGES ? s->n_change - CHANGES : 0; i < s->n_change; i++) {
        const Bit__Change *c = s->change[i];
        field(f, "changed");
        bit_show(f, "%s %s -> %s after step %" PRIu64, c->setting, c->was, c->is, c->step);
        if (c->has_uid)
            bit_show(f, ", by uid %u", c->uid);
        bit_show(f, "\n");
    }
}

static void print_fork(FILE *f, const Bit__ForkStatus *fork)
{
    if (fork == NULL)
        return;
    const Bit__ForkOrigin *o = fork->origin;
    field(f, "fork");
    bit_show(f, "of %s after step %" PRIu64, o->run, o->step);
    if (o->has_weights_only && o->weights_only)
        bit_show(f, ", its weights alone");
    else if (o->has_fresh_moments && o->fresh_moments)
        bit_show(f, ", with a fresh optimizer");
    if (fork->verified != NULL && !fork->verified->equal)
        bit_show(f, "; %s%s", fork->verified->field ? "differs from it: " : "",
                 fork->verified->text ? fork->verified->text : "");
    else if (fork->has_verified_step)
        bit_show(f, "; verified against %s to step %" PRIu64, o->run, fork->verified_step);
    bit_show(f, "\n");
}

static void print_scoring(FILE *f, const Bit__TaskProgress *p)
{
    char left[BIT_TEXT];

    field(f, "scoring");
    bit_show(f, "%s, %s: %" PRIu64 " of %" PRIu64 " items\n", p->task, bit_text_precision(p->precision), p->items,
             p->of_items);
    field(f, "");
    bit_show(f, "of all tasks %" PRIu64 " of %" PRIu64, p->all_items, p->of_all_items);
    if (p->has_eta_s)
        bit_show(f, ", %s left", bit_text_duration(p->eta_s, left));
    bit_show(f, "\n");
}

/* A line of the page, if there is such a text. */
static void print_text(FILE *f, const char *name, const char *text)
{
    if (text == NULL || *text == '\0')
        return;
    field(f, name);
    bit_show(f, "%s\n", text);
}

static void print_checkpoints(FILE *f, const Bit__RunStatus *s)
{
    if (s->has_checkpoint_step) {
        field(f, "checkpoint");
        bit_show(f, "after step %" PRIu64 "\n", s->checkpoint_step);
    }
    if (s->set_aside) {
        field(f, "set aside");
        bit_show(f, "%s: %s\n", s->set_aside->name, s->set_aside->text);
    }
}

static void print_evaluated(FILE *f, const Bit__RunStatus *s)
{
    if (s->n_held_out > 0) {
        field(f, "held out");
        bit_print_evaluations(f, s->held_out, s->n_held_out, FIELD + 1);
    }
    if (s->scoring != NULL)
        print_scoring(f, s->scoring);
    if (s->n_task > 0) {
        field(f, "tasks");
        char after[BIT_AFTER_TEXT];
        bit_text_after(s->task[s->n_task - 1]->after_step, after);
        bit_show(f, "%zu evaluated%s%s: bitctl tasks %s\n", s->n_task, *after ? ", the last" : "", after, s->run);
    }
}

/* How steps that were done again compare with the journal. */
static void print_verified(FILE *f, const Bit__RunStatus *s)
{
    if (s->verified && !s->verified->equal) {
        field(f, "resume");
        bit_show(f, "%s%s\n", s->verified->field ? "differs: " : "", s->verified->text ? s->verified->text : "");
    } else if (s->has_verified_step) {
        field(f, "resume");
        bit_show(f, "verified bit for bit to step %" PRIu64 "\n", s->verified_step);
    }
}

static void print_anomalies(FILE *f, const Bit__RunStatus *s)
{
    if (s->n_anomaly == 0)
        return;
    const Bit__SeenAnomaly *last = s->anomaly[s->n_anomaly - 1];
    field(f, "anomalies");
    bit_show(f, "%" PRIu64 ", the last at step %" PRIu64 ": %s\n", s->anomalies, last->step, last->what->text);
}

static void print_workers(FILE *f, const Bit__RunStatus *s)
{
    if (s->backend == NULL || *s->backend == '\0')
        return;
    field(f, "workers");
    bit_show(f, "%s", s->backend);
    if (s->restarts)
        bit_show(f, ", %u restart%s", s->restarts, bit_format_s(s->restarts));
    fputc('\n', f);
}

static void print_tags(FILE *f, const Bit__RunStatus *s)
{
    for (size_t i = 0; i < s->n_tag; i++) {
        if (i == 0)
            field(f, "tags");
        bit_show(f, "%s%s", s->tag[i], i + 1 < s->n_tag ? ", " : "\n");
    }
}

static void print_where(FILE *f, const Bit__RunStatus *s)
{
    char text[BIT_TEXT];

    if (s->slurm) {
        field(f, "slurm");
        bit_show(f, "job %" PRIu64 " is %s: %s\n", s->slurm->job, s->slurm->state, s->slurm->reason);
    }
    print_text(f, "nodes", s->nodes);
    print_checkpoints(f, s);
    print_evaluated(f, s);
    print_verified(f, s);
    print_fork(f, s->fork);
    print_changes(f, s);
    print_anomalies(f, s);
    print_workers(f, s);
    if (s->has_created_ns && s->created_ns > 0) /* 0: its journal is damaged */
        print_text(f, "submitted", bit_text_time(s->created_ns, text));
    print_tags(f, s);
    print_text(f, "note", s->note);
    print_text(f, "folder", s->directory);
    if (s->has_weights_digest) {
        field(f, "weights");
        bit_show(f, "digest %016" PRIx64 "\n", s->weights_digest);
    }
}

/* A run without steps has neither step nor phase. */
static void print_step(FILE *f, const Bit__RunStatus *s)
{
    char bar[32], eta[BIT_TEXT];

    field(f, "step");
    bit_show(f, "%" PRIu64 " of %" PRIu64 " %s", s->step, s->steps, bit_text_progress(s->step, s->steps, 24, bar));
    if (s->has_eta_s)
        bit_show(f, " %s left", bit_text_duration(s->eta_s, eta));
    fputc('\n', f);
    print_phase(f, s);
}

void bit_status_page_print(FILE *f, const Bit__RunStatus *s, int columns, int curve_rows)
{
    field(f, s->run);
    bit_show(f, "%s\n", s->name);
    field(f, "state");
    bit_show_state(f, s->state, s->reason);
    if (s->has_queue_position && (!s->reason || !strstr(s->reason, "in the queue")))
        bit_show(f, " (%u in the queue)", s->queue_position);
    fputc('\n', f);
    if (s->has_priority) {
        field(f, "priority");
        bit_show(f, "%d\n", s->priority);
    }
    if (s->steps > 0)
        print_step(f, s);
    print_last(f, s);
    print_where(f, s);
    if (s->n_curve > 0 && curve_rows > 0)
        print_curve(f, s, BIT_MIN(columns, 112), curve_rows);
}

/* ---- on a screen */

#define CURVE_AROUND 4 /* rows around a curve: an empty one, the axis, the steps, the switch */
#define CURVE_LEAST  4 /* a lower curve shows nothing */

/* Prints the page to *text, heap. */
static int print_to_text(const Bit__RunStatus *s, int columns, int curve_rows, char **text)
{
    size_t bytes;
    FILE *f = open_memstream(text, &bytes);

    if (f == NULL)
        return -errno;
    bit_status_page_print(f, s, columns, curve_rows);
    return fclose(f) == 0 ? 0 : -errno;
}

static int count_lines(const char *text)
{
    int lines = 0;

    for (; (text = strchr(text, '\n')) != NULL; text++)
        lines++;
    return lines;
}

int bit_status_page_fit(FILE *f, const Bit__RunStatus *s, int columns, int rows)
{
    char *text = NULL;
    int curve_rows, err = print_to_text(s, columns, 0, &text);

    curve_rows = err < 0 ? 0 : rows - count_lines(text) - CURVE_AROUND;
    if (err == 0 && curve_rows >= CURVE_LEAST) {
        free(text);
        text = NULL;
        err = print_to_text(s, columns, curve_rows, &text);
    }
    if (err == 0)
        bit_fold_cut(f, text, columns, rows);
    free(text);
    return err;
}
