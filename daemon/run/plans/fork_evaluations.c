#include "daemon/run/plans/fork_evaluations.h"

#include <string.h>

#include "daemon/run/orders/order_sequence.h"
#include "daemon/run/plans/spec_differences.h"
#include "proto/check.h"

/* Whether the fork evaluates other sets, or tasks, than its parent, or others of their instances. */
static void note_difference(void *arg, const char *path)
{
    static const char *const when[] = {"eval.at", "eval.every", "eval.tasks_at", "eval.tasks_every"};
    struct bit_fork_evaluations *others = arg;

    for (size_t i = 0; i < BIT_COUNT(when); i++)
        if (strcmp(path, when[i]) == 0)
            return;
    if (strncmp(path, "eval.task", 9) == 0)
        others->tasks = true;
    else if (strncmp(path, "eval.", 5) == 0)
        others->sets = true;
}

/* Everything that a run ever evaluates is evaluated at its end, and tasks in any case. */
static struct bit_fork_evaluations due(const Bit__RunSpec *spec, uint64_t step)
{
    const bool at_end = step == spec->schedule->steps, ever = spec->eval->every > 0 || spec->eval->n_at > 0;

    return (struct bit_fork_evaluations){
        .sets = bit_order_sequence_sets_at(spec, step) || (at_end && ever),
        .tasks = bit_order_sequence_tasks_at(spec, step) || at_end,
    };
}

/* A run that is cancelled leaves out the evaluations after its last step. */
static bool ended_before(const struct bit_run *parent, uint64_t step)
{
    return bit_run_ended(parent) && parent->step == step && !(parent->eval.known && parent->eval.step == step);
}

struct bit_fork_evaluations bit_fork_evaluations_find(const struct bit_run *parent, const Bit__RunSpec *fork,
                                                      uint64_t step)
{
    const Bit__RunSpec *was = bit_run_spec_at(parent, step);
    /* A change of the parent after this very step is no wish of the fork, which takes it over. */
    const struct bit_fork_evaluations made = due(was, step), later = due(bit_run_spec_at(parent, step + 1), step);
    const struct bit_fork_evaluations mine = due(fork, step);
    struct bit_fork_evaluations others = {false, false};
    const bool none = ended_before(parent, step);

    bit_spec_differences_find(was, fork, note_difference, &others);
    return (struct bit_fork_evaluations){
        .sets = mine.sets && (none || others.sets || !(made.sets || later.sets)),
        .tasks = mine.tasks && (none || others.tasks || !(made.tasks || later.tasks)),
    };
}
