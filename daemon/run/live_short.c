#include "daemon/run/live_short.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/run/run.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/spec/schedule.h"

#define DECAY        "decay="
#define WEIGHT_DECAY "weight_decay="

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

bool bit_live_short_is(const char *assignment)
{
    return begins(assignment, DECAY) || begins(assignment, WEIGHT_DECAY);
}

static int read_steps(const char *text, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || *out == 0 || *out > BIT_STEPS_MAX)
        return bit_fail(BIT_EUSAGE, "decay=%.40s: give the number of steps over which to decay, at least 1", text);
    return 0;
}

/* The decay sets the schedule itself: if another field of it is set, too, one would undo the other. */
static int check_alone(char *const *set, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (begins(set[i], "schedule."))
            return bit_fail(BIT_EUSAGE, "decay=N and %.60s: the decay sets the schedule, so leave one of them out",
                            set[i]);
    return 0;
}

/* The rate of the curve alone: the switch's factors apply on top of the line, too. */
static double rate_of(const Bit__RunSpec *spec, uint64_t step)
{
    const struct bit_switch_plan none = {0};

    return bit_schedule_lr(spec, &none, step);
}

static int write_decay(const struct bit_run *run, uint64_t after_step, const char *text, struct bit_argv *out)
{
    const Bit__RunSpec *spec = bit_run_spec_at(run, BIT_MAX(after_step, (uint64_t)1));
    const Bit__ScheduleSpec *s = spec->schedule;
    const double rate = rate_of(spec, after_step);
    uint64_t steps = 0;
    int err = read_steps(text, &steps);

    if (err < 0)
        return err;
    const bool staged = s->stage != NULL && s->stage->has_peak_lr && after_step > s->stage->at_step;
    const double end = s->final * (staged ? s->stage->peak_lr : s->peak_lr);
    if (after_step < s->warmup_steps)
        return bit_fail(BIT_ESTATE, "%s warms up to step %" PRIu64 ": a decay begins after that", run->id,
                        s->warmup_steps);
    if (!(rate > end))
        return bit_fail(BIT_ESTATE,
                        "%s is at its final rate, %g, after step %" PRIu64 ": there is nothing to decay from", run->id,
                        end, after_step);
    bit_argv_add(out, "schedule.shape=WSD");
    bit_argv_add(out, "schedule.decay_steps=%" PRIu64, steps);
    bit_argv_add(out, "schedule.cosine_steps=%" PRIu64, after_step + steps);
    bit_argv_add(out, "schedule.steps=%" PRIu64, after_step + steps);
    bit_argv_add(out, "schedule.peak_lr=%.17g", rate);
    bit_argv_add(out, "schedule.final=%.17g", end / rate);
    if (s->stage != NULL && s->stage->has_peak_lr) /* or it would begin another curve, or be the peak of this one */
        bit_argv_add(out, "schedule.stage.peak_lr=%.17g", rate);
    return 0;
}

static void write_weight_decay(const struct bit_run *run, const char *text, struct bit_argv *out)
{
    const Bit__RunSpec *spec = run->spec;

    bit_argv_add(out, "optimizer.weight_decay=%s", text);
    if (spec->phases != NULL && spec->phases->switch_ != NULL)
        bit_argv_add(out, "phases.switch.weight_decay=%s", text);
    if (spec->schedule->stage != NULL && spec->schedule->stage->has_weight_decay)
        bit_argv_add(out, "schedule.stage.weight_decay=%s", text);
}

int bit_live_short_write(const struct bit_run *run, uint64_t after_step, char *const *set, size_t count,
                         struct bit_argv *out)
{
    int err = 0;

    for (size_t i = 0; i < count && err == 0; i++) {
        if (begins(set[i], DECAY)) {
            err = check_alone(set, count);
            if (err == 0)
                err = write_decay(run, after_step, set[i] + strlen(DECAY), out);
        } else if (begins(set[i], WEIGHT_DECAY)) {
            write_weight_decay(run, set[i] + strlen(WEIGHT_DECAY), out);
        } else {
            bit_argv_add(out, "%s", set[i]);
        }
    }
    return err < 0 ? err : bit_argv_check(out);
}
