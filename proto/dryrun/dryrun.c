#include "proto/dryrun/dryrun.h"

#include <stdlib.h>

#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/host_memory.h"
#include "proto/spec/schedule.h"
#include "proto/spec/spec_slurm.h"

static void add(struct bit_dryrun_points *out, uint64_t step, uint64_t steps, const char *note)
{
    if (step < 1 || step > steps || out->count == BIT_DRYRUN_POINTS_MAX)
        return;
    size_t at = out->count;
    while (at > 0 && out->item[at - 1].step > step)
        at--;
    if (at > 0 && out->item[at - 1].step == step) /* a step keeps its first note */
        return;
    for (size_t i = out->count; i > at; i--)
        out->item[i] = out->item[i - 1];
    out->count++;
    bit__schedule_point__init(&out->item[at]);
    out->item[at].step = step;
    out->item[at].note = bit_lend(note);
}

static void add_switch(struct bit_dryrun_points *out, const Bit__SwitchSpec *sw, uint64_t steps)
{
    add(out, sw->at_step, steps, "last 16-bit step");
    add(out, sw->at_step + 1, steps, "first ternary step");
    if (sw->ramp_steps >= 4) {
        add(out, sw->at_step + sw->ramp_steps / 4, steps, "quarter of the ramp");
        add(out, sw->at_step + sw->ramp_steps / 2, steps, "half of the ramp");
        add(out, sw->at_step + sw->ramp_steps * 3 / 4, steps, "three quarters of the ramp");
    }
    if (sw->ramp_steps > 0)
        add(out, sw->at_step + sw->ramp_steps, steps, "full strength");
    if (sw->lr == BIT__LR_AT_SWITCH__REWARM)
        add(out, sw->at_step + sw->rewarm_steps, steps, "learning rate is back");
}

static void add_curve(struct bit_dryrun_points *out, const Bit__ScheduleSpec *s, uint64_t steps)
{
    if (s->stage != NULL) {
        add(out, s->stage->at_step, steps, "last step of the first stage");
        add(out, s->stage->at_step + 1, steps, "first step of the second");
    }
    if (s->shape == BIT__SCHEDULE_SPEC__SHAPE__WSD)
        add(out, s->cosine_steps - s->decay_steps, steps, "last step before the decay");
    if (s->shape != BIT__SCHEDULE_SPEC__SHAPE__CONSTANT)
        add(out, s->cosine_steps, steps - 1, "end of the curve");
}

void bit_dryrun_points(const Bit__RunSpec *spec, struct bit_dryrun_points *out)
{
    uint64_t steps = spec->schedule->steps;
    struct bit_switch_plan plan;

    out->count = 0;
    if (steps == 0)
        return;
    bit_switch_plan_init(&plan, spec);
    if (plan.planned)
        add_switch(out, spec->phases->switch_, steps);
    add(out, 1, steps, "first step");
    add(out, spec->schedule->warmup_steps, steps, "end of the warm-up");
    add_curve(out, spec->schedule, steps);
    add(out, steps, steps, "last step");
    for (size_t i = 0; i < out->count; i++) {
        struct bit_step_plan at;
        bit_schedule_at(spec, &plan, out->item[i].step, &at);
        out->item[i].lr = at.lr;
        out->item[i].precision = at.precision;
        out->item[i].strength = at.strength;
        out->item[i].weight_decay = at.weight_decay;
        out->list[i] = &out->item[i];
    }
}

/* Adds the bytes of the three files with a flat vector. */
static int count_vectors(const Bit__RunSpec *spec, const struct bit_tensor *tensors, int count, uint64_t *bytes)
{
    const uint64_t elements = (uint64_t)bit_checkpoint_elements(tensors, count);
    int err = 0;

    for (int f = 0; f < BIT_CHECKPOINT_FILES && err >= 0; f++) {
        const Bit__Operands type = bit_checkpoint_type(spec->optimizer, (enum bit_checkpoint_file)f);
        uint8_t *header = NULL;
        size_t header_bytes = 0;
        err = bit_safetensors_header_of(tensors, count, type, NULL, &header, &header_bytes);
        *bytes += header_bytes + elements * bit_checkpoint_bytes_of(type);
        free(header);
    }
    return err;
}

int bit_dryrun_size(const Bit__RunSpec *spec, struct bit_dryrun_size *out)
{
    struct bit_tensor *tensors = NULL;
    uint8_t *header = NULL;
    size_t header_bytes = 0;
    int count = bit_checkpoint_tensors(spec->model, &tensors);

    if (count < 0)
        return count;
    int err = bit_safetensors_header(tensors, count, NULL, &header, &header_bytes);
    if (err >= 0) {
        *out = (struct bit_dryrun_size){.parameters = (uint64_t)bit_checkpoint_elements(tensors, count)};
        for (int i = 0; i < count; i++)
            if (bit_tensor_is_linear(&tensors[i]))
                out->linear_parameters += (uint64_t)(tensors[i].rows * tensors[i].cols);
        err = count_vectors(spec, tensors, count, &out->checkpoint_bytes);
        if (spec->checkpoint->codes)
            out->checkpoint_bytes += header_bytes + out->linear_parameters / 4;
    }
    free(header);
    free(tensors);
    return err < 0 ? err : 0;
}

uint64_t bit_dryrun_memory_available(const Bit__LaunchSpec *launch)
{
    if (launch->memory_gib > 0)
        return (uint64_t)(launch->memory_gib * (double)(1ull << 30));
    if (bit_launch_is_on_gpus(launch))
        return 0;
    const uint32_t here = bit_launch_ranks_per_node(launch);
    return (uint64_t)bit_host_memory_total() / BIT_MAX(here > 0 ? here : launch->ranks, 1u);
}
