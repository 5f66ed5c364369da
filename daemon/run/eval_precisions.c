#include "daemon/run/eval_precisions.h"

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
