#include "ctl/show/metrics.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "proto/check.h"
#include "proto/text/precision.h"
#include "proto/text/reflect.h"

#define LABELS_MAX 256

/* ---- the format */

static void begin(FILE *f, const char *name, const char *type, const char *help)
{
    bit_show(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void sample(FILE *f, const char *name, const char *labels, double value)
{
    char text[32];

    bit_double_format(value, text);
    bit_show(f, "%s%s%s%s %s\n", name, *labels ? "{" : "", labels, *labels ? "}" : "", text);
}

/* name="value", after what is there already. */
static void label(char labels[LABELS_MAX], const char *name, const char *value)
{
    size_t used = strlen(labels);
    int n = snprintf(labels + used, LABELS_MAX - used, "%s%s=\"", used > 0 ? "," : "", name);

    used += n > 0 ? (size_t)n : 0;
    for (; *value != '\0' && used + 4 < LABELS_MAX; value++) {
        if (*value == '"' || *value == '\\')
            labels[used++] = '\\';
        if (*value != '\n')
            labels[used++] = *value;
    }
    BIT_ASSERT(used + 2 <= LABELS_MAX);
    labels[used++] = '"';
    labels[used] = '\0';
}

/* ---- numbers of a run */

enum number {
    STEP,
    STEPS,
    TERNARY,
    STRENGTH,
    SWITCH_STEP,
    LOSS,
    NORM,
    RATE,
    TOKENS_RATE,
    STEP_SECONDS,
    ZEROS,
    FLIPS,
    CHECKPOINT_STEP,
    RANKS,
    QUEUE_POSITION,
    RESTARTS,
    ANOMALIES,
    SKIPPED,
    REWINDS,
    CREATED,
    NUMBERS
};

static const struct {
    const char *name, *type, *help;
} numbers[NUMBERS] = {
    [STEP] = {"bitd_run_step", "gauge", "The last step done."},
    [STEPS] = {"bitd_run_planned_steps", "gauge", "Steps of the whole run."},
    [TERNARY] = {"bitd_run_ternary", "gauge", "1 in the 1.58-bit phase, 0 in 16-bit."},
    [STRENGTH] = {"bitd_run_strength_ratio", "gauge",
                  "How far the codes have taken over, in the ramp after the switch."},
    [SWITCH_STEP] = {"bitd_run_switch_step", "gauge", "The last 16-bit step, planned or done."},
    [LOSS] = {"bitd_run_loss", "gauge", "Training loss of the last step."},
    [NORM] = {"bitd_run_gradient_norm", "gauge", "Gradient norm of the last step, before clipping."},
    [RATE] = {"bitd_run_learning_rate", "gauge", "Learning rate of the last step."},
    [TOKENS_RATE] = {"bitd_run_tokens_per_second", "gauge", "Tokens a second over the last steps of this phase."},
    [STEP_SECONDS] = {"bitd_run_step_duration_seconds", "gauge", "How long the last step took."},
    [ZEROS] = {"bitd_run_zero_codes_ratio", "gauge", "Share of weight codes that are 0."},
    [FLIPS] = {"bitd_run_flipped_codes_ratio", "gauge", "Share of weight codes that differ from the step before."},
    [CHECKPOINT_STEP] = {"bitd_run_checkpoint_step", "gauge", "Step of the newest durable checkpoint."},
    [RANKS] = {"bitd_run_ranks", "gauge", "Ranks of the present launch, or the next."},
    [QUEUE_POSITION] = {"bitd_run_queue_position", "gauge", "Place in the queue; 1 is the next to start."},
    [RESTARTS] = {"bitd_run_restarts_total", "counter", "Launches that were lost."},
    [ANOMALIES] = {"bitd_run_anomalies_total", "counter", "Steps or ranks that were not as they should be."},
    [SKIPPED] = {"bitd_run_skipped_steps_total", "counter", "Steps without an update."},
    [REWINDS] = {"bitd_run_rewinds_total", "counter", "Times that it went back to a checkpoint."},
    [CREATED] = {"bitd_run_created_timestamp_seconds", "gauge", "When it was submitted."},
};

static bool given(bool has, double value, double *out)
{
    *out = value;
    return has;
}

static bool number_of_step(const Bit__StepReport *last, enum number which, double *out)
{
    if (last == NULL)
        return false;
    switch (which) {
    case LOSS:
        return given(!last->skipped, last->loss, out);
    case NORM:
        return given(!last->skipped, last->grad_norm, out);
    case RATE:
        return given(true, last->lr, out);
    case STEP_SECONDS:
        return given(true, last->ms / 1000, out);
    case ZEROS:
        return given(last->has_zero_fraction, last->zero_fraction, out);
    case FLIPS:
        return given(last->has_flip_rate, last->flip_rate, out);
    default:
        return false;
    }
}

static bool number_of(const Bit__RunStatus *s, enum number which, double *out)
{
    switch (which) {
    case STEP:
        return given(true, (double)s->step, out);
    case STEPS:
        return given(true, (double)s->steps, out);
    case TERNARY:
        return given(true, s->precision == BIT__PRECISION__TERNARY, out);
    case STRENGTH:
        return given(s->precision == BIT__PRECISION__TERNARY, s->strength, out);
    case SWITCH_STEP:
        return given(s->has_switch_after, (double)s->switch_after, out);
    case TOKENS_RATE:
        return given(s->has_tokens_per_s, s->tokens_per_s, out);
    case CHECKPOINT_STEP:
        return given(s->has_checkpoint_step, (double)s->checkpoint_step, out);
    case RANKS:
        return given(s->has_ranks, s->ranks, out);
    case QUEUE_POSITION:
        return given(s->has_queue_position, s->queue_position, out);
    case RESTARTS:
        return given(true, s->restarts, out);
    case ANOMALIES:
        return given(true, (double)s->anomaly_count, out);
    case SKIPPED:
        return given(true, (double)s->skipped, out);
    case REWINDS:
        return given(true, s->rewinds, out);
    case CREATED:
        return given(s->has_created_ns, (double)s->created_ns * 1e-9, out);
    default:
        return number_of_step(s->last, which, out);
    }
}

/* ---- runs */

static bool has_ended(const Bit__RunStatus *s)
{
    return s->state == BIT__RUN_STATE__COMPLETED || s->state == BIT__RUN_STATE__CANCELLED ||
           s->state == BIT__RUN_STATE__FAILED;
}

/* Of this and the newer ones, how many are told of: ids grow, and the list is in their order or against it. */
static bool is_told(const Bit__ListReply *list, size_t i)
{
    size_t newer = 0;

    if (has_ended(list->run[i]))
        return false;
    for (size_t k = 0; k < list->n_run; k++)
        newer += !has_ended(list->run[k]) && list->run[k]->created_ns > list->run[i]->created_ns;
    return newer < BIT_METRICS_RUNS_MAX;
}

static void print_states(FILE *f, const Bit__ListReply *list)
{
    const ProtobufCEnumDescriptor *states = &bit__run_state__descriptor;

    begin(f, "bitd_runs", "gauge", "Runs in each state.");
    for (unsigned i = 0; i < states->n_values; i++) {
        char labels[LABELS_MAX] = "";
        size_t count = 0;
        for (size_t k = 0; k < list->n_run; k++)
            count += list->run[k]->state == (Bit__RunState)states->values[i].value;
        label(labels, "state", bit_text_state((Bit__RunState)states->values[i].value));
        sample(f, "bitd_runs", labels, (double)count);
    }
}

static void print_info(FILE *f, const Bit__ListReply *list)
{
    begin(f, "bitd_run_info", "gauge", "The name and the state of a run that has not ended; 1.");
    for (size_t i = 0; i < list->n_run; i++) {
        char labels[LABELS_MAX] = "";
        if (!is_told(list, i))
            continue;
        label(labels, "run", list->run[i]->run);
        label(labels, "name", list->run[i]->name);
        label(labels, "state", bit_text_state(list->run[i]->state));
        sample(f, "bitd_run_info", labels, 1);
    }
}

static void print_number(FILE *f, const Bit__ListReply *list, enum number which)
{
    double value;

    begin(f, numbers[which].name, numbers[which].type, numbers[which].help);
    for (size_t i = 0; i < list->n_run; i++) {
        char labels[LABELS_MAX] = "";
        if (!is_told(list, i) || !number_of(list->run[i], which, &value))
            continue;
        label(labels, "run", list->run[i]->run);
        sample(f, numbers[which].name, labels, value);
    }
}

static void print_sections(FILE *f, const Bit__ListReply *list)
{
    static const char name[] = "bitd_run_step_section_seconds";

    begin(f, name, "gauge", "Where the time of the last step went, on its slowest rank.");
    for (size_t i = 0; i < list->n_run; i++) {
        const Bit__StepReport *last = list->run[i]->last;
        if (!is_told(list, i) || last == NULL)
            continue;
        const Bit__TimeSplit *t = last->split;
        const struct {
            const char *section;
            double ms;
        } parts[] = {{"wait", t->wait}, {"forward", t->forward},     {"backward", t->backward},
                     {"comm", t->comm}, {"optimizer", t->optimizer}, {"other", t->other}};
        for (size_t k = 0; k < BIT_COUNT(parts); k++) {
            char labels[LABELS_MAX] = "";
            label(labels, "run", list->run[i]->run);
            label(labels, "section", parts[k].section);
            sample(f, name, labels, parts[k].ms / 1000);
        }
    }
}

static void print_evaluations(FILE *f, const Bit__ListReply *list)
{
    static const char name[] = "bitd_run_evaluation_loss";

    begin(f, name, "gauge", "Loss of the last held-out set that was evaluated.");
    for (size_t i = 0; i < list->n_run; i++) {
        const Bit__EvaluateReport *e = list->run[i]->eval;
        char labels[LABELS_MAX] = "";
        if (!is_told(list, i) || e == NULL)
            continue;
        label(labels, "run", list->run[i]->run);
        label(labels, "set", e->set);
        label(labels, "precision", bit_precision_name(e->precision));
        sample(f, name, labels, e->loss);
    }
}

void bit_metrics_print(FILE *f, const Bit__VersionReply *daemon, const Bit__ListReply *list)
{
    char labels[LABELS_MAX] = "";

    begin(f, "bitd_up", "gauge", "Whether bitd answers.");
    sample(f, "bitd_up", "", daemon != NULL);
    if (daemon == NULL || list == NULL)
        return;
    begin(f, "bitd_build_info", "gauge", "The version of bitd; 1.");
    label(labels, "version", daemon->version);
    label(labels, "commit", daemon->commit);
    sample(f, "bitd_build_info", labels, 1);
    begin(f, "bitd_resident_memory_bytes", "gauge", "Memory of bitd itself.");
    sample(f, "bitd_resident_memory_bytes", "", (double)daemon->rss_bytes);
    print_states(f, list);
    print_info(f, list);
    for (int which = 0; which < NUMBERS; which++)
        print_number(f, list, (enum number)which);
    print_sections(f, list);
    print_evaluations(f, list);
}
