#include "ctl/client/curve_wish.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "proto/check.h"
#include "proto/text/precision.h"

static const struct {
    const char *name, *title;
} words[] = {
    [BIT_CURVE_LOSS] = {"loss", "loss"},
    [BIT_CURVE_NORM] = {"norm", "gradient norm"},
    [BIT_CURVE_LR] = {"lr", "learning rate"},
    [BIT_CURVE_FLIP] = {"flip", "codes changed by a step"},
    [BIT_CURVE_ZERO] = {"zero", "codes that are 0"},
    [BIT_CURVE_STRENGTH] = {"strength", "strength of the codes"},
    [BIT_CURVE_RATE] = {"rate", "tokens/s"},
    [BIT_CURVE_EVAL] = {"eval:", "loss of"},
    [BIT_CURVE_TASK] = {"task:", "score of"},
};

const char *const bit_curve_wish_words[] = {"loss",     "norm", "lr",       "flip",      "zero",
                                            "strength", "rate", "eval:SET", "task:TASK", NULL};

bool bit_curve_wish_is_of_steps(const struct bit_curve_wish *wish)
{
    return wish->what != BIT_CURVE_EVAL && wish->what != BIT_CURVE_TASK;
}

/* "held" or "held:ternary" */
static bool parse_name(const char *text, struct bit_curve_wish *out)
{
    const char *colon = strchr(text, ':');
    const size_t bytes = colon != NULL ? (size_t)(colon - text) : strlen(text);

    if (bytes == 0 || bytes > BIT_NAME_MAX)
        return false;
    memcpy(out->name, text, bytes);
    out->name[bytes] = '\0';
    out->in_one = colon != NULL;
    return colon == NULL || bit_precision_parse(colon + 1, &out->precision) == 0;
}

bool bit_curve_wish_parse(const char *text, struct bit_curve_wish *out)
{
    for (size_t i = 0; i < BIT_COUNT(words); i++) {
        struct bit_curve_wish wish = {.what = (enum bit_curve_what)i};
        const size_t bytes = strlen(words[i].name);
        const bool of_steps = bit_curve_wish_is_of_steps(&wish);
        if (of_steps ? strcmp(text, words[i].name) != 0 : strncmp(text, words[i].name, bytes) != 0)
            continue;
        if (!of_steps && !parse_name(text + bytes, &wish))
            return false;
        *out = wish;
        return true;
    }
    return false;
}

const char *bit_curve_wish_title(const struct bit_curve_wish *wish, char out[BIT_CURVE_TITLE])
{
    const char *precision = wish->in_one ? bit_precision_name(wish->precision) : "";

    snprintf(out, BIT_CURVE_TITLE, "%s%s%s%s%s", words[wish->what].title, *wish->name ? " " : "", wish->name,
             wish->in_one ? ", " : "", precision);
    return out;
}

/* ---- values */

/* The journal stores a loss or norm that is NaN or infinite as 0, of a skipped step. */
static double finite_value(const Bit__StepReport *m, double value)
{
    return value == 0 && m->has_skipped && m->skipped ? NAN : value;
}

static bool step_value(enum bit_curve_what what, const Bit__StepReport *m, double *value)
{
    switch (what) {
    case BIT_CURVE_LOSS:
        *value = finite_value(m, m->loss);
        return true;
    case BIT_CURVE_NORM:
        *value = finite_value(m, m->grad_norm);
        return true;
    case BIT_CURVE_LR:
        *value = m->lr;
        return true;
    case BIT_CURVE_FLIP:
        *value = m->flip_rate;
        return m->has_flip_rate;
    case BIT_CURVE_ZERO:
        *value = m->zero_fraction;
        return m->has_zero_fraction;
    case BIT_CURVE_STRENGTH:
        *value = m->strength;
        return m->precision == BIT__PRECISION__TERNARY;
    case BIT_CURVE_RATE:
        *value = m->ms > 0 ? (double)m->tokens * 1000 / m->ms : NAN;
        return true;
    default:
        return false;
    }
}

/* After the last 16-bit step itself the 16-bit evaluation is the wanted one: that step belongs to the trunk. */
static bool is_wanted(const struct bit_curve_wish *wish, Bit__Precision precision, uint64_t after_step,
                      uint64_t switch_after)
{
    const bool ternary = switch_after != UINT64_MAX && (after_step > switch_after || switch_after == 0);

    return precision == (wish->in_one ? wish->precision
                         : ternary    ? BIT__PRECISION__TERNARY
                                      : BIT__PRECISION__SIXTEEN_BIT);
}

bool bit_curve_wish_value(const struct bit_curve_wish *wish, const Bit__JournalRecord *record, uint64_t switch_after,
                          uint64_t *step, double *value)
{
    if (record->what_case == BIT__JOURNAL_RECORD__WHAT_STEP) {
        *step = record->step->step;
        return step_value(wish->what, record->step, value);
    }
    if (record->what_case == BIT__JOURNAL_RECORD__WHAT_EVALUATED) {
        const Bit__EvaluateReport *m = record->evaluated;
        *step = m->after_step;
        *value = m->loss;
        return wish->what == BIT_CURVE_EVAL && !m->has_part && strcmp(m->set, wish->name) == 0 &&
               is_wanted(wish, m->precision, m->after_step, switch_after);
    }
    if (record->what_case != BIT__JOURNAL_RECORD__WHAT_SCORED || record->scored->result == NULL)
        return false;
    const Bit__TaskResult *m = record->scored->result;
    *step = m->after_step;
    *value = m->score;
    return wish->what == BIT_CURVE_TASK && strcmp(m->task, wish->name) == 0 &&
           is_wanted(wish, m->precision, m->after_step, switch_after);
}
