#include "worker/report.h"

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

/* Of the codes that the step trained with. */
static void fill_codes(const struct bit_worker *w, const struct bit_publish_counts *counts, Bit__StepReport *msg)
{
    const double weights = (double)w->plan.linear_elements;

    msg->has_zero_fraction = counts->has_codes;
    msg->zero_fraction = counts->has_codes ? (double)counts->zeros / weights : 0;
    msg->has_flip_rate = counts->has_flips;
    msg->flip_rate = counts->has_flips ? (double)counts->flips / weights : 0;
}

void bit_report_step(const struct bit_worker *w, const struct bit_command *command,
                     const struct bit_step_result *result, struct bit_step_report *out)
{
    Bit__StepReport *msg = &out->msg;

    bit__step_report__init(msg);
    msg->step = command->step;
    msg->precision = command->precision;
    msg->strength = command->strength;
    msg->loss = result->loss;
    msg->grad_norm = result->grad_norm;
    msg->lr = command->lr;
    msg->tokens = (uint64_t)command->instances * (uint64_t)w->plan.context;
    msg->slowest_rank = (uint32_t)result->slowest_rank;
    fill_split(result->ms, out);
    fill_codes(w, &result->counts, msg);
    msg->has_weights_digest = command->digest;
    msg->weights_digest = result->weights_digest;
}
