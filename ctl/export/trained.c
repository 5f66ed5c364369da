#include "ctl/export/trained.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>

#include "ctl/export/export.h"
#include "proto/err.h"
#include "proto/spec/schedule.h"

static bool is_16bit(const struct bit_export *e)
{
    return e->source.manifest->phase->precision == BIT__PRECISION__SIXTEEN_BIT;
}

/* The strength of the codes in the step that the checkpoint was written after: 0 to 1. */
static double strength(const struct bit_export *e)
{
    const Bit__Manifest *m = e->source.manifest;
    const Bit__SwitchSpec *sw = m->spec->phases == NULL ? NULL : m->spec->phases->switch_;

    if (is_16bit(e))
        return 0;
    return sw == NULL || m->step <= m->phase->switched_after
               ? 1
               : bit_schedule_strength(sw, m->step - m->phase->switched_after);
}

int bit_trained_refuse(const struct bit_export *e)
{
    const Bit__Manifest *m = e->source.manifest;

    if (!e->ternary || e->options->ternarise || strength(e) >= 1)
        return 0;
    if (is_16bit(e))
        return bit_fail(-ENOTSUP,
                        "the checkpoint after step %" PRIu64 " is of the 16-bit phase: its weights were not trained as "
                        "codes. Export --to hf, a checkpoint from after the switch, or round them all the same with "
                        "--ternarise",
                        m->step);
    return bit_fail(-ENOTSUP,
                    "after step %" PRIu64
                    " the ramp is at strength %.3f: no step was trained with the codes alone yet. "
                    "Export a checkpoint from after step %" PRIu64 ", or round the weights all the same with "
                    "--ternarise",
                    m->step, strength(e), m->phase->switched_after + m->spec->phases->switch_->ramp_steps);
}

const char *bit_trained_note(const struct bit_export *e)
{
    if (!e->ternary && !is_16bit(e))
        return "the model was trained as codes, and these are the master weights that the codes are made from, for "
               "further training and not for inference";
    if (e->ternary && strength(e) < 1)
        return "the codes are rounded from weights that were not trained as codes";
    return e->form->note == NULL ? NULL : e->form->note(e);
}
