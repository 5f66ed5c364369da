#include "daemon/client/submit/after_asked.h"

#include <string.h>

#include "daemon/client/connection/access.h"
#include "daemon/client/connection/run_names.h"
#include "daemon/run/after.h"
#include "daemon/store/runs/runner.h"
#include "daemon/store/sweeps/sweeps.h"
#include "proto/err.h"
#include "proto/limits.h"

/* A sweep by its id, or the user's newest one of this name. */
static const struct bit_sweep *find_sweep(const struct bit_client *c, const char *which)
{
    const struct bit_sweeps *sweeps = c->all->sweeps;
    const struct bit_sweep *s = bit_sweeps_find(sweeps, which);

    for (size_t i = sweeps->count; i-- > 0 && s == NULL;)
        if (sweeps->sweep[i]->plan->uid == c->peer.uid && strcmp(sweeps->sweep[i]->plan->name, which) == 0)
            s = sweeps->sweep[i];
    return s;
}

static int add(const struct bit_client *c, const char *item, struct bit_argv *out)
{
    struct bit_runner *r = NULL;
    char note[BIT_RUN_NOTE_MAX];
    bool completes;
    const char *which = bit_after_which(item, &completes);
    const struct bit_sweep *s = find_sweep(c, which);

    if (s != NULL) {
        bit_argv_add(out, "%s%s", completes ? BIT_AFTER_OK : "", s->id);
        return 0;
    }
    /* As for a change, an ambiguous name is refused. */
    int err = bit_run_names_find(c->all->runs, which, c->peer.uid, BIT_RUN_CHANGE, &r, note);

    if (err < 0)
        return err;
    if (completes && bit_run_ended(&r->run) && r->run.state != BIT__RUN_STATE__COMPLETED)
        return bit_fail(BIT_ESTATE, "%s is %s, and will not complete unless it is resumed", r->run.id,
                        bit_run_state_name(r->run.state));
    bit_argv_add(out, "%s%s", completes ? BIT_AFTER_OK : "", r->run.id);
    return 0;
}

int bit_after_asked(const struct bit_client *c, const Bit__SubmitRequest *m, struct bit_argv *out)
{
    int err = bit_access_check_priority(&c->peer, m->has_priority ? m->priority : 0);

    if (err == 0 && m->n_after > BIT_AFTER_MAX)
        err = bit_fail(BIT_EUSAGE, "a run waits for %d others at most, and not for %zu", BIT_AFTER_MAX, m->n_after);
    for (size_t i = 0; i < m->n_after && err == 0; i++)
        err = add(c, m->after[i], out);
    if (err == 0)
        err = bit_argv_check(out);
    if (err < 0)
        bit_argv_finish(out);
    return err;
}
