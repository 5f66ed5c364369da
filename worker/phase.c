#include "worker/phase.h"

#include <inttypes.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"

void bit_phase_init(Bit__PhaseState *phase, const Bit__OptimizerSpec *spec)
{
    bit__phase_state__init(phase);
    phase->precision = BIT__PRECISION__SIXTEEN_BIT;
    phase->beta1 = spec->beta1;
    phase->beta2 = spec->beta2;
}

static void put_u64(uint32_t *words, uint64_t v)
{
    words[0] = (uint32_t)v;
    words[1] = (uint32_t)(v >> 32);
}

static void put_double(uint32_t *words, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof bits);
    put_u64(words, bits);
}

uint64_t bit_phase_digest(const Bit__PhaseState *phase)
{
    uint32_t words[9] = {(uint32_t)phase->precision};

    put_u64(words + 1, phase->switched_after);
    put_u64(words + 3, phase->optimizer_step);
    put_double(words + 5, phase->beta1);
    put_double(words + 7, phase->beta2);
    return bit_checkpoint_digest(words, BIT_COUNT(words));
}

static int check(const Bit__PhaseState *phase, const struct bit_phase_switch *sw, uint64_t step)
{
    if (sw->after_step != step)
        return bit_fail(BIT_EPHASE, "a switch after step %" PRIu64 ", but step %" PRIu64 " is done", sw->after_step,
                        step);
    if (sw->precision == phase->precision)
        return bit_fail(BIT_EPHASE, "a switch after step %" PRIu64 " to the phase that this worker is in", step);
    return 0;
}

int bit_phase_apply(Bit__PhaseState *phase, const struct bit_phase_switch *sw, uint64_t step, struct bit_optim *optim,
                    struct bit_comm *comm, int threads, Bit__PhaseSwitched *report)
{
    int err = bit_comm_agree(comm, check(phase, sw, step));

    if (err < 0)
        return err;
    report->after_step = step;
    report->optimizer_step_before = phase->optimizer_step;
    report->moments_before = bit_optim_moments_digest(optim, comm, threads);
    phase->precision = sw->precision;
    phase->switched_after = step;
    phase->beta1 = sw->beta1;
    phase->beta2 = sw->beta2;
    if (sw->optimizer == BIT__OPTIMIZER_AT_SWITCH__RESET) {
        err = bit_optim_reset(optim);
        if (err < 0)
            bit_comm_abort(comm, err);
        phase->optimizer_step = 0;
    }
    report->moments_after = bit_optim_moments_digest(optim, comm, threads);
    report->phase_digest = bit_phase_digest(phase);
    if (!bit_comm_same(comm, report->phase_digest))
        bit_comm_abort(comm, bit_fail(BIT_EPHASE, "ranks disagree about the phase after step %" PRIu64, step));
    return 0;
}
