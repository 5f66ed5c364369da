#include "daemon/store/retention/sweep_waits.h"

#include <stdbool.h>
#include <string.h>

#include "daemon/store/runs/runs.h"
#include "daemon/store/sweeps/sweeps.h"

static bool is_to_come(const struct bit_sweep *s, size_t branch)
{
    const Bit__SweepPlace *place = s->progress->place[branch];

    return place->run == NULL && place->failed == NULL && !s->progress->cancelled;
}

const char *bit_sweep_waits_find(const struct bit_runner *r, uint64_t step)
{
    const struct bit_sweeps *sweeps = r->runs->sweeps;
    const struct bit_sweep *s = NULL;

    for (size_t i = 0; sweeps != NULL && r->run.sweep[0] != '\0' && s == NULL && i < sweeps->count; i++)
        s = strcmp(sweeps->sweep[i]->id, r->run.sweep) == 0 ? sweeps->sweep[i] : NULL;
    for (size_t i = 0; s != NULL && i < s->plan->n_branch; i++) {
        const Bit__SweepPlace *place = s->progress->place[i];
        if (place->parent == r->run.branch && i != r->run.branch && is_to_come(s, i) &&
            (step == 0 || place->from_step == step))
            return s->plan->branch[i]->label;
    }
    return NULL;
}
