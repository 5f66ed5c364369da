#include "worker/report.h"

#include <math.h>

#include "worker/power_watch.h"
#include "worker/process/clock.h"

static void fill_split(const double ms[BIT_SECTION_SPLIT], struct bit_step_report *out)
{
    bit__time_split__init(&out->split);
    out->split.wait = ms[BIT_SECTION_WAIT];
    out->split.forward = ms[BIT_SECTION_FORWARD];
    out->split.backward = ms[BIT_SECTION_BACKWARD];
    out->split.comm = ms[BIT_SECTION_COMM];
    out->split.optimizer = ms[BIT_SECTION_OPTIMIZER];
    out->split.other = ms[BIT_SECTION_OTHER];
    out->msg.split = &out->split;
    out->msg.ms = 0;
    for (int s = 0; s < BIT_SECTION_SPLIT; s++)
        out->msg.ms += ms[s];
}

/* Counts of the codes that the step trained with. */
static void fill_codes(const struct bit_worker *w, const struct bit_publish_counts *counts, Bit__StepReport *msg)
{
    const double weights = (double)w->plan.linear_elements;

    msg->has_zero_fraction = counts->has_codes;
    msg->zero_fraction = counts->has_codes ? (double)counts->zeros / weights : 0;
    msg->has_flip_rate = counts->has_flips;
    msg->flip_rate = counts->has_flips ? (double)counts->flips / weights : 0;
}

static void fill_anomalies(struct bit_inspection *seen, struct bit_step_report *out)
{
    for (int i = 0; i < seen->count; i++) {
        struct bit_anomaly *from = &seen->item[i];
        Bit__Anomaly *a = out->anomalies[i] = &out->anomaly[i];
        bit__anomaly__init(a);
        a->kind = from->kind;
        a->has_rank = from->rank >= 0;
        a->rank = a->has_rank ? (uint32_t)from->rank : 0;
        a->has_value = a->has_bound = from->has_value;
        a->value = from->value;
        a->bound = from->bound;
        a->has_healed = a->healed = from->healed;
        a->place = from->place[0] != '\0' ? from->place : NULL;
    }
    out->msg.anomaly = out->anomalies;
    out->msg.n_anomaly = (size_t)seen->count;
}

/* Values that the card does not report are left out. */
static void fill_gpu(const struct bit_step_result *result, struct bit_step_report *out)
{
    const struct bit_power_load *load = &result->load;
    Bit__GpuLoad *m = &out->gpu;

    bit__gpu_load__init(m);
    m->gpus = (uint32_t)result->gpus;
    m->has_clock_mhz = load->clock_mhz >= 0;
    m->clock_mhz = fmax(load->clock_mhz, 0);
    m->has_power_w = load->power_w >= 0;
    m->power_w = fmax(load->power_w, 0);
    m->has_temperature_c = load->celsius >= 0;
    m->temperature_c = fmax(load->celsius, 0);
    m->has_power_capped = load->capped >= 0;
    m->power_capped = fmax(load->capped, 0);
    out->msg.gpu = m;
}

void bit_report_step(struct bit_worker *w, const struct bit_action *action, struct bit_step_result *result,
                     struct bit_step_report *out)
{
    Bit__StepReport *msg = &out->msg;

    bit__step_report__init(msg);
    msg->step = action->step;
    msg->precision = action->precision;
    msg->strength = action->strength;
    msg->loss = result->loss;
    msg->grad_norm = result->grad_norm;
    msg->lr = action->lr;
    msg->tokens = (uint64_t)action->instances * (uint64_t)w->plan.context;
    msg->slowest_rank = (uint32_t)result->slowest_rank;
    fill_split(result->ms, out);
    fill_codes(w, &result->counts, msg);
    msg->has_weights_digest = action->digest;
    msg->weights_digest = result->weights_digest;
    msg->has_skipped = msg->skipped = result->skipped;
    msg->has_ranks = msg->has_token_crc = true;
    msg->ranks = (uint32_t)w->comm->size;
    msg->token_crc = action->token_crc;
    fill_anomalies(&result->seen, out);
    bit_ranks_told_fill(&w->ranks_told, w->rank_us, (uint32_t)w->comm->size, msg);
    if (result->gpus > 0 && bit_clock_ms() - w->told_gpu_ms >= BIT_POWER_WATCH_MS) {
        w->told_gpu_ms = bit_clock_ms();
        fill_gpu(result, out);
    }
}
