#include "daemon/store/sweep_state.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/store/runs.h"
#include "proto/wire/msg.h"

struct bit_sweep *bit_sweep_state_create(Bit__SweepPlanned *plan, Bit__SweepProgress *progress)
{
    struct bit_sweep *s = calloc(1, sizeof *s);

    if (s == NULL) {
        bit_msg_free(plan);
        bit_msg_free(progress);
        return NULL;
    }
    s->plan = plan;
    s->progress = progress;
    return s;
}

void bit_sweep_state_destroy(struct bit_sweep *s)
{
    if (s == NULL)
        return;
    bit_msg_free(s->plan);
    bit_msg_free(s->progress);
    free(s);
}

/* ---- its runs */

struct bit_runner *bit_sweep_state_run(const struct bit_sweep *s, const struct bit_runs *runs, size_t branch)
{
    for (size_t i = runs->count; s->id[0] != '\0' && i-- > 0;) {
        struct bit_runner *r = runs->runner[i];
        if (!r->removing && r->run.branch == branch && strcmp(r->run.sweep, s->id) == 0)
            return r;
    }
    return NULL;
}

bool bit_sweep_state_is_root(const struct bit_sweep *s, size_t branch)
{
    return s->progress->place[branch]->parent == branch;
}
