#include "daemon/store/retention/forks.h"

#include <stddef.h>
#include <string.h>

#include "daemon/store/runs/runs.h"

/* With weights_only the checkpoint is read at every launch until the run has a checkpoint of its own. */
static bool needs_it(const struct bit_run *run)
{
    if (run->fork->has_weights_only && run->fork->weights_only)
        return run->checkpoints.count == 0 && run->state != BIT__RUN_STATE__COMPLETED;
    return bit_run_find_checkpoint(run, run->fork->checkpoint) != NULL;
}

bool bit_forks_shares(const struct bit_runner *r, const char *parent, const char *name)
{
    const Bit__ForkOrigin *fork = r->run.fork;

    return fork != NULL && !r->corrupt && !r->removing && strcmp(fork->run, parent) == 0 &&
           (name == NULL || strcmp(fork->checkpoint, name) == 0) && needs_it(&r->run);
}

const struct bit_runner *bit_forks_find(const struct bit_runner *parent, const char *name)
{
    const struct bit_runs *runs = parent->runs;

    for (size_t i = 0; i < runs->count; i++)
        if (runs->runner[i] != parent && bit_forks_shares(runs->runner[i], parent->run.id, name))
            return runs->runner[i];
    return NULL;
}
