#include <ctype.h>

#include "daemon/client/query/metrics.h"
#include "proto/check.h"
#include "proto/text/precision.h"

/* An enumerator as the rest of bitd's JSON spells it: "loss_spike". */
static const char *word_of(const ProtobufCEnumDescriptor *desc, int number, char out[32])
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(desc, number);
    size_t i = 0;

    for (const char *c = value != NULL ? value->name : "unknown"; *c != '\0' && i < 31; c++)
        out[i++] = (char)tolower((unsigned char)*c);
    out[i] = '\0';
    return out;
}

static void put_info(struct bit_exposition *e, const struct bit_metrics_runs *runs)
{
    static const struct bit_exposition_metric metric = {"bitd_run", BIT_EXPOSITION_INFO, NULL,
                                                        "The name and the state of each run that is listed; 1."};

    bit_exposition_begin(e, &metric);
    for (size_t i = 0; i < runs->count; i++) {
        const Bit__RunStatus *s = &runs->status[i].message;
        bit_exposition_label(e, "run", s->run);
        bit_exposition_label(e, "name", s->name);
        bit_exposition_label(e, "state", bit_run_state_name(s->state));
        bit_exposition_sample(e, NULL, 1);
    }
}

/* ---- where the time goes */

static const char *const sections[BIT_TOTALS_SECTIONS] = {"wait", "forward", "backward", "comm", "optimizer", "other"};

static void put_last_sections(struct bit_exposition *e, const struct bit_metrics_runs *runs)
{
    static const struct bit_exposition_metric metric = {"bitd_run_step_section_seconds", BIT_EXPOSITION_GAUGE,
                                                        "seconds",
                                                        "Where the time of the last step went, on its slowest rank."};

    bit_exposition_begin(e, &metric);
    for (size_t i = 0; i < runs->count; i++) {
        const Bit__StepReport *last = runs->status[i].message.last;
        if (last == NULL)
            continue;
        const Bit__TimeSplit *t = last->split;
        const double ms[] = {t->wait, t->forward, t->backward, t->comm, t->optimizer, t->other};
        for (size_t k = 0; k < BIT_COUNT(sections); k++) {
            bit_exposition_label(e, "run", runs->runner[i]->run.id);
            bit_exposition_label(e, "section", sections[k]);
            bit_exposition_sample(e, NULL, ms[k] / 1000);
        }
    }
}

static void put_sections(struct bit_exposition *e, const struct bit_metrics_runs *runs)
{
    static const struct bit_exposition_metric metric = {
        "bitd_run_section_seconds", BIT_EXPOSITION_COUNTER, "seconds",
        "Time of all steps done, by where the slowest rank of each spent it."};

    bit_exposition_begin(e, &metric);
    for (size_t i = 0; i < runs->count; i++)
        for (size_t k = 0; k < BIT_COUNT(sections); k++) {
            bit_exposition_label(e, "run", runs->runner[i]->run.id);
            bit_exposition_label(e, "section", sections[k]);
            bit_exposition_sample(e, NULL, runs->runner[i]->run.totals.section_ms[k] / 1000);
        }
}

/* ---- anomalies */

static void put_anomalies(struct bit_exposition *e, const struct bit_metrics_runs *runs)
{
    static const struct bit_exposition_metric metric = {"bitd_run_anomalies", BIT_EXPOSITION_COUNTER, NULL,
                                                        "Anomalies of steps and ranks, by kind."};
    const ProtobufCEnumDescriptor *kinds = &bit__anomaly_kind__descriptor;
    char word[32];

    bit_exposition_begin(e, &metric);
    for (size_t i = 0; i < runs->count; i++)
        for (unsigned k = 0; k < kinds->n_values; k++) {
            const int kind = kinds->values[k].value;
            BIT_ASSERT(kind < BIT_TOTALS_ANOMALIES);
            bit_exposition_label(e, "run", runs->runner[i]->run.id);
            bit_exposition_label(e, "kind", word_of(kinds, kind, word));
            bit_exposition_sample(e, NULL, (double)runs->runner[i]->run.totals.anomalies[kind]);
        }
}

/* ---- evaluations */

static void put_held_out(struct bit_exposition *e, const struct bit_metrics_runs *runs,
                         const struct bit_exposition_metric *metric, double (*number)(const Bit__EvaluateReport *))
{
    size_t put = 0;

    bit_exposition_begin(e, metric);
    for (size_t i = 0; i < runs->count; i++) {
        const Bit__RunStatus *s = &runs->status[i].message;
        for (size_t k = 0; k < s->n_held_out && put < BIT_METRICS_RESULTS_MAX; k++) {
            const Bit__EvaluateReport *m = s->held_out[k];
            if (m->has_part) /* of bitctl eval --damage: not exported */
                continue;
            bit_exposition_label(e, "run", s->run);
            bit_exposition_label(e, "set", m->set);
            bit_exposition_label(e, "precision", bit_precision_name(m->precision));
            bit_exposition_sample(e, NULL, number(m));
            put++;
        }
    }
}

static double loss_of(const Bit__EvaluateReport *m)
{
    return m->loss;
}

static double step_of(const Bit__EvaluateReport *m)
{
    return (double)m->after_step;
}

static void put_tasks(struct bit_exposition *e, const struct bit_metrics_runs *runs,
                      const struct bit_exposition_metric *metric, double (*number)(const Bit__TaskResult *))
{
    size_t put = 0;
    char word[32];

    bit_exposition_begin(e, metric);
    for (size_t i = 0; i < runs->count; i++) {
        const Bit__RunStatus *s = &runs->status[i].message;
        for (size_t k = 0; k < s->n_task && put < BIT_METRICS_RESULTS_MAX; k++, put++) {
            const Bit__TaskResult *m = s->task[k];
            bit_exposition_label(e, "run", s->run);
            bit_exposition_label(e, "task", m->task);
            bit_exposition_label(e, "precision", bit_precision_name(m->precision));
            bit_exposition_label(e, "metric", word_of(&bit__task_metric__descriptor, (int)m->metric, word));
            bit_exposition_sample(e, NULL, number(m));
        }
    }
}

static double score_of(const Bit__TaskResult *m)
{
    return m->score;
}

static double error_of(const Bit__TaskResult *m)
{
    return m->error;
}

static double task_step_of(const Bit__TaskResult *m)
{
    return (double)m->after_step;
}

static void put_evaluations(struct bit_exposition *e, const struct bit_metrics_runs *runs)
{
    static const struct bit_exposition_metric metrics[] = {
        {"bitd_run_evaluation_loss", BIT_EXPOSITION_GAUGE, NULL, "Newest loss of each held-out set in each precision."},
        {"bitd_run_evaluation_step", BIT_EXPOSITION_GAUGE, NULL,
         "The step after which a held-out set was last evaluated."},
        {"bitd_run_task_score_ratio", BIT_EXPOSITION_GAUGE, "ratio",
         "Newest score of each downstream task in each precision, of 0 to 1."},
        {"bitd_run_task_score_error_ratio", BIT_EXPOSITION_GAUGE, "ratio",
         "Standard error of the newest score of each downstream task."},
        {"bitd_run_task_step", BIT_EXPOSITION_GAUGE, NULL, "The step after which a downstream task was last scored."},
    };

    put_held_out(e, runs, &metrics[0], loss_of);
    put_held_out(e, runs, &metrics[1], step_of);
    put_tasks(e, runs, &metrics[2], score_of);
    put_tasks(e, runs, &metrics[3], error_of);
    put_tasks(e, runs, &metrics[4], task_step_of);
}

void bit_metrics_put_lists(struct bit_exposition *e, const struct bit_metrics_runs *runs)
{
    put_info(e, runs);
    put_last_sections(e, runs);
    put_sections(e, runs);
    put_anomalies(e, runs);
    put_evaluations(e, runs);
}
