#include "daemon/client/change/pin.h"

#include <inttypes.h>
#include <stdio.h>

#include "daemon/client/change/depends.h"
#include "daemon/client/change/mutate.h"
#include "daemon/store/retention/checkpoint_retention.h"
#include "daemon/store/retention/sweep_waits.h"
#include "daemon/store/runs/runner.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"

BIT_LOG_TOPIC("pin");

/* The checkpoint of this step, or NULL with the client refused. */
static const struct bit_run_checkpoint *find_step(struct bit_client *c, const struct bit_runner *r, uint64_t step)
{
    const struct bit_run_checkpoint *found = bit_run_checkpoint_at(&r->run, step);

    if (found == NULL)
        bit_client_refuse(c, BIT_ESTATE,
                          "%s has no checkpoint of step %" PRIu64 "; `bitctl ckpt ls %s` lists those that it has",
                          r->run.id, step, r->run.id);
    return found;
}

/* ---- pins */

static int record_pin(struct bit_client *c, struct bit_runner *r, char *name, bool pinned, char *request_id)
{
    Bit__CheckpointPinned m = BIT__CHECKPOINT_PINNED__INIT;

    m.name = name;
    m.pinned = pinned;
    m.request_id = request_id;
    m.uid = c->peer.uid;
    int err = bit_try_record(r, PINNED, pinned, &m);
    if (err == 0)
        bit_info(pinned ? "pinned" : "unpinned", "run=%s name=%s uid=%u", r->run.id, name, m.uid);
    return err;
}

static void set_pin(struct bit_client *c, struct bit_runner *r, const struct bit_run_checkpoint *at, bool pinned,
                    char *request_id, const char *said)
{
    char name[sizeof at->name];
    const uint64_t step = at->step;

    snprintf(name, sizeof name, "%s", at->name);
    int err = record_pin(c, r, name, pinned, request_id);
    if (err < 0)
        bit_client_refuse(c, err, "%s", bit_fail_text());
    else
        bit_mutate_done(c, r, step, r->run.seq, said ? said : name);
}

void bit_pin_newest(struct bit_client *c, struct bit_runner *r, char *request_id)
{
    set_pin(c, r, bit_run_newest(&r->run), true, request_id, NULL);
}

void bit_pin_asked(struct bit_client *c, const Bit__CheckpointPinRequest *m)
{
    struct bit_runner *r = bit_mutate_begin(c, m->run, m->request_id, BIT_VERB_PIN);
    const bool pinned = !m->has_unpin || !m->unpin;
    const char *said = pinned ? "pinned" : "unpinned";

    if (r == NULL)
        return;
    const struct bit_run_applied *applied = bit_run_find_applied(&r->run, m->request_id);
    if (applied != NULL) {
        bit_mutate_done(c, r, applied->step, applied->seq, said);
        return;
    }
    const struct bit_run_checkpoint *at = find_step(c, r, m->step);
    if (at != NULL)
        set_pin(c, r, at, pinned, m->request_id, said);
}

/* ---- removals */

/* "goes back to step-00000012 and trains 4 steps again" */
static void tell_loss(const struct bit_run *run, char *out, size_t room)
{
    const struct bit_run_checkpoint *older = run->checkpoints.count > 1
                                                 ? &run->checkpoints.list[run->checkpoints.count - 2]
                                                 : NULL;
    const uint64_t to = older != NULL ? older->step : 0;

    snprintf(out, room, "goes back to %s, %" PRIu64 " step%s before", older != NULL ? older->name : "the beginning",
             bit_run_newest(run)->step - to, bit_format_s(bit_run_newest(run)->step - to));
}

static bool may_remove(struct bit_client *c, const struct bit_runner *r, const struct bit_run_checkpoint *at,
                       bool force)
{
    const bool launching = r->run.state == BIT__RUN_STATE__STARTING || r->run.state == BIT__RUN_STATE__RESTARTING;
    char below[64], list[128], loss[96];

    snprintf(below, sizeof below, "checkpoints/%s", at->name);
    if (at->pinned)
        bit_client_refuse(c, BIT_ESTATE, "%s is pinned: `bitctl ckpt unpin %s %" PRIu64 "` first", at->name, r->run.id,
                          at->step);
    else if (launching)
        bit_client_refuse(c, BIT_EBUSY, "%s is %s, perhaps from %s: try again when it trains", r->run.id,
                          bit_run_state_name(r->run.state), at->name);
    else if (bit_depends_list(r, below, BIT_DEPENDS_NEEDS, list, sizeof list) > 0)
        bit_client_refuse(c, BIT_ESTATE, "%s stays: %s begins from it", at->name, list);
    else if (bit_sweep_waits_find(r, at->step) != NULL)
        bit_client_refuse(c, BIT_ESTATE, "%s is kept: branch '%s' of %s has yet to begin from it", at->name,
                          bit_sweep_waits_find(r, at->step), r->run.sweep);
    else if (at == bit_run_newest(&r->run) && !force) {
        tell_loss(&r->run, loss, sizeof loss);
        bit_client_refuse(c, BIT_ESTATE,
                          "%s is the newest checkpoint of %s: without it, a resume of the run %s; --force removes it "
                          "anyway",
                          at->name, r->run.id, loss);
    } else
        return true;
    return false;
}

static void remove_step(struct bit_client *c, struct bit_runner *r, const struct bit_run_checkpoint *at,
                        const Bit__CheckpointRemoveRequest *m)
{
    char said[160], loss[96] = "";
    const uint64_t step = at->step;

    if (at == bit_run_newest(&r->run))
        tell_loss(&r->run, loss, sizeof loss);
    snprintf(said, sizeof said, "%s removed%s%s", at->name, loss[0] ? ": a resume of the run " : "", loss);
    int err = bit_checkpoint_retention_remove(r, at->name, m->request_id, c->peer.uid);
    if (err < 0)
        bit_client_refuse(c, err, "%s", bit_fail_text());
    else
        bit_mutate_done(c, r, step, r->run.seq, said);
}

void bit_pin_remove_asked(struct bit_client *c, const Bit__CheckpointRemoveRequest *m)
{
    struct bit_runner *r = bit_mutate_begin(c, m->run, m->request_id, BIT_VERB_PIN);

    if (r == NULL)
        return;
    const struct bit_run_applied *applied = bit_run_find_applied(&r->run, m->request_id);
    if (applied != NULL) {
        bit_mutate_done(c, r, applied->step, applied->seq, "removed");
        return;
    }
    const struct bit_run_checkpoint *at = find_step(c, r, m->step);
    if (at != NULL && may_remove(c, r, at, m->has_force && m->force))
        remove_step(c, r, at, m);
}
