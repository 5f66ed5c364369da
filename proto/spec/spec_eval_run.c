#include "proto/spec/spec_eval_run.h"

#include "proto/spec/spec.h"
#include "proto/spec/spec_wrong.h"

bool bit_spec_evaluates_only(const Bit__RunSpec *spec)
{
    return spec->schedule != NULL && spec->schedule->has_steps && spec->schedule->steps == 0;
}

void bit_spec_check_eval_run(const Bit__RunSpec *spec, struct bit_problems *problems)
{
    if (!bit_spec_evaluates_only(spec)) {
        if (spec->eval->damage)
            WRONG("eval.damage", "this is for schedule.steps 0: bitctl eval --damage");
        if (spec->eval->has_precision)
            WRONG("eval.precision", "a run that trains evaluates in its phase, and in 16-bit also as the switch would "
                                    "leave it: this is for schedule.steps 0");
        return;
    }
    if (spec->model->init_from == NULL || spec->model->init_from[0] == '\0') { /* probably intended to train */
        WRONG("schedule.steps", "0 steps train nothing, and there is no model.init_from to be evaluated");
        return;
    }
    if (spec->eval->n_set == 0 && spec->eval->n_task == 0)
        WRONG("eval.task", "0 steps train nothing, and there is neither an eval.task nor an eval.set to be evaluated");
    if (spec->eval->damage && spec->eval->n_set == 0)
        WRONG("eval.damage", "is measured on held-out sets, and there is no eval.set");
    if (spec->eval->damage && spec->eval->has_precision)
        WRONG("eval.precision", "eval.damage compares both");
    if (spec->data->n_train > 0 || spec->data->n_source > 0)
        WRONG(spec->data->n_train > 0 ? "data.train" : "data.source", "0 steps train on nothing: leave it out");
    if (spec->phases->switch_ != NULL)
        WRONG("phases.switch", "there is none in 0 steps: eval.precision says what is evaluated");
}
