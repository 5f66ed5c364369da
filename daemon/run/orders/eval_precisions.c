#include "daemon/run/orders/eval_precisions.h"

struct bit_eval_precisions bit_eval_precisions(const Bit__EvalSpec *eval, Bit__Precision phase)
{
    if (eval->has_precision)
        return (struct bit_eval_precisions){1, {eval->precision}};
    if (phase == BIT__PRECISION__TERNARY)
        return (struct bit_eval_precisions){1, {BIT__PRECISION__TERNARY}};
    return (struct bit_eval_precisions){2, {BIT__PRECISION__SIXTEEN_BIT, BIT__PRECISION__TERNARY}};
}

unsigned bit_eval_precisions_find(const struct bit_eval_precisions *p, Bit__Precision precision)
{
    unsigned i = 0;

    while (i < p->count && p->list[i] != precision)
        i++;
    return i;
}

unsigned bit_eval_forms(const Bit__EvalSpec *eval, Bit__Precision phase)
{
    return bit_eval_precisions(eval, phase).count + (eval->damage ? BIT__TERNARY_PART__DOWN : 0);
}

struct bit_eval_form bit_eval_form(const Bit__EvalSpec *eval, Bit__Precision phase, unsigned i)
{
    const struct bit_eval_precisions p = bit_eval_precisions(eval, phase);

    if (!eval->damage)
        return (struct bit_eval_form){.precision = p.list[i]};
    if (i == 0 || i > BIT__TERNARY_PART__DOWN)
        return (struct bit_eval_form){.precision = p.list[i == 0 ? 0 : p.count - 1]};
    return (struct bit_eval_form){.precision = BIT__PRECISION__TERNARY, .part = (int)i};
}

unsigned bit_eval_forms_find(const Bit__EvalSpec *eval, Bit__Precision phase, const struct bit_eval_form *form)
{
    const unsigned count = bit_eval_forms(eval, phase);

    for (unsigned i = 0; i < count; i++) {
        const struct bit_eval_form at = bit_eval_form(eval, phase, i);
        if (at.precision == form->precision && at.part == form->part)
            return i;
    }
    return count;
}
