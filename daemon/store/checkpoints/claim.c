#include "daemon/store/checkpoints/claim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/runs/runner.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "proto/wire/msg.h"

static int copy_known(struct bit_claim *c, const struct bit_run *run)
{
    c->known = calloc(run->checkpoints.count + 1, sizeof *c->known);
    if (c->known == NULL)
        return -ENOMEM;
    if (run->checkpoints.count > 0)
        memcpy(c->known, run->checkpoints.list, run->checkpoints.count * sizeof *c->known);
    c->known_count = run->checkpoints.count;
    return 0;
}

int bit_claim_init(struct bit_claim *c, const struct bit_runner *r)
{
    if ((c->folder = bit_runner_path(r, "checkpoints")) == NULL || copy_known(c, &r->run) < 0 ||
        bit_rewinds_copy(&r->run.rewinds, &c->rewinds) < 0)
        return bit_fail(-ENOMEM, "the checkpoints of %s", r->run.id);
    if (r->run.fork != NULL && (c->fork = bit_msg_clone(r->run.fork)) == NULL)
        return bit_fail(-ENOMEM, "where %s begins", r->run.id);
    c->epoch = r->run.launch.epoch;
    c->step_max = r->run.step_max;
    snprintf(c->run, sizeof c->run, "%s", r->run.id);
    snprintf(c->identity, sizeof c->identity, "%s", r->run.identity);
    return 0;
}

void bit_claim_finish(struct bit_claim *c)
{
    bit_rewinds_finish(&c->rewinds);
    bit_msg_free(c->fork);
    free(c->known);
    free(c->folder);
}

static const struct bit_run_checkpoint *find_known(const struct bit_claim *c, uint64_t step)
{
    for (size_t i = 0; i < c->known_count; i++)
        if (c->known[i].step == step)
            return &c->known[i];
    return NULL;
}

/* Whether it is the checkpoint that the fork begins from. */
static bool is_origin(const struct bit_claim *c, uint64_t step)
{
    return c->fork != NULL && c->fork->step == step && find_known(c, step) != NULL;
}

static int check_owner(const struct bit_claim *c, const char *path, uint64_t step, const Bit__Manifest *m)
{
    const struct bit_run_checkpoint *known = find_known(c, step);
    bool same = known != NULL && known->has_weights, forked = is_origin(c, step);
    const char *run = forked ? c->fork->owner ? c->fork->owner : c->fork->run : c->run;
    const char *identity = forked ? c->fork->identity ? c->fork->identity : "" : c->identity;

    if (strcmp(m->run, run) != 0 || m->step != step)
        return bit_fail(BIT_ECORRUPT, "%s: says it is step %" PRIu64 " of run %.32s", path, m->step, m->run);
    if (m->identity != NULL && strcmp(m->identity, identity) != 0)
        return bit_fail(BIT_ECORRUPT, "%s: of another run: its identity is %.32s, and that of %s is %s", path,
                        m->identity, run, identity[0] ? identity : "none");
    if (m->identity == NULL && identity[0] != '\0' && !same)
        return bit_fail(BIT_ECORRUPT, "%s: has no identity, and the journal does not know it", path);
    if (same && known->weights_digest != m->weights_digest)
        return bit_fail(BIT_ECORRUPT, "%s: its weights are %016" PRIx64 ", and the journal has %016" PRIx64, path,
                        m->weights_digest, known->weights_digest);
    if (known != NULL && known->has_moments && known->moments_digest != bit_checkpoint_moments_digest(m))
        return bit_fail(BIT_ECORRUPT, "%s: its moments are %016" PRIx64 ", and the journal has %016" PRIx64, path,
                        bit_checkpoint_moments_digest(m), known->moments_digest);
    return 0;
}

int bit_claim_check(const struct bit_claim *c, const char *path, uint64_t step, const Bit__Manifest *m)
{
    int err = check_owner(c, path, step, m);

    if (err < 0)
        return err;
    return bit_rewinds_gave_up(&c->rewinds, step, m->epoch) ? BIT_CLAIM_GIVEN_UP : 0;
}

struct bit_claim_facts bit_claim_tell(const Bit__Manifest *m)
{
    struct bit_claim_facts facts = {
        .step = m->step, .weights_digest = m->weights_digest, .moments_digest = bit_checkpoint_moments_digest(m)};

    for (size_t i = 0; i < m->n_file; i++)
        facts.bytes += m->file[i]->bytes;
    return facts;
}
