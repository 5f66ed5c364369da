#include "daemon/run/fork_peer.h"

#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/wire/msg.h"

void bit_fork_peer_destroy(struct bit_fork_peer *peer)
{
    if (peer == NULL)
        return;
    bit_history_finish(&peer->steps);
    free(peer->machine);
    free(peer);
}

static bool are_whole(const Bit__ForkFacts *m)
{
    const size_t n = m->n_loss;
    bool whole = m->first >= 1 && n <= BIT_FORK_BEFORE + BIT_FORK_AFTER && m->n_grad_norm == n && m->n_lr == n &&
                 m->n_strength == n && m->n_position == n && m->n_link == n && m->n_token_crc == n &&
                 m->n_machine == n && m->n_ternary == n && m->n_skipped == n;

    for (size_t i = 0; whole && i < n; i++)
        whole = m->machine[i] < m->n_on || m->machine[i] == 0;
    return whole;
}

static struct bit_fact fact_at(const Bit__ForkFacts *m, size_t i)
{
    return (struct bit_fact){
        .loss = m->loss[i],
        .grad_norm = m->grad_norm[i],
        .lr = m->lr[i],
        .strength = m->strength[i],
        .position = m->position[i],
        .link = m->link[i],
        .token_crc = m->token_crc[i],
        .machine = (uint16_t)m->machine[i],
        .precision = m->ternary[i] ? BIT__PRECISION__TERNARY : BIT__PRECISION__SIXTEEN_BIT,
        .skipped = m->skipped[i] != 0,
    };
}

static int take_machines(struct bit_fork_peer *peer, const Bit__ForkFacts *m)
{
    peer->machine = calloc(m->n_on + 1, sizeof *peer->machine);
    if (peer->machine == NULL)
        return bit_fail(-ENOMEM, "what the parent ran on");
    peer->machine_count = m->n_on;
    for (size_t i = 0; i < m->n_on; i++) {
        peer->machine[i].ranks = m->on[i]->ranks;
        peer->machine[i].micro_instances = m->on[i]->micro_instances;
        bit_format(peer->machine[i].backend, sizeof peer->machine[i].backend, "%s", m->on[i]->backend);
    }
    return 0;
}

int bit_fork_peer_take(struct bit_run *run, const Bit__ForkFacts *m)
{
    if (!are_whole(m))
        return bit_fail(BIT_ECORRUPT, "the parent's facts are not whole");
    struct bit_fork_peer *peer = calloc(1, sizeof *peer);
    int err = peer == NULL ? bit_fail(-ENOMEM, "the parent's facts") : 0;
    if (err == 0) {
        bit_history_init(&peer->steps);
        err = take_machines(peer, m);
    }
    for (size_t i = 0; i < m->n_loss && err == 0; i++) {
        const struct bit_fact fact = fact_at(m, i);
        err = bit_history_put(&peer->steps, m->first + i, &fact);
    }
    if (err < 0) {
        bit_fork_peer_destroy(peer);
        return err;
    }
    bit_fork_peer_destroy(run->peer);
    run->peer = peer;
    return 0;
}

/* The checkpoint counts as the fork's own, although it shares its files with the parent. */
static int add_checkpoint(struct bit_run *run, const Bit__ForkOrigin *o, uint64_t time_ns)
{
    struct bit_run_checkpoint *list = calloc(1, sizeof *list);

    if (list == NULL)
        return bit_fail(-ENOMEM, "the checkpoint of %s", run->id);
    BIT_ASSERT(run->checkpoints.list == NULL);
    *list = (struct bit_run_checkpoint){
        .step = o->step,
        .bytes = o->bytes,
        .time_ns = time_ns,
        .has_weights = true,
        .weights_digest = o->weights_digest,
        .has_moments = o->has_moments_digest && !(o->has_fresh_moments && o->fresh_moments),
        .moments_digest = o->moments_digest,
        .precision = run->precision,
    };
    bit_format(list->name, sizeof list->name, "%s", o->checkpoint);
    run->checkpoints.list = list;
    run->checkpoints.count = 1;
    return 0;
}

/* The steps that the guard's window may reach back to, and the loss curve. */
static int take_history(struct bit_run *run, uint64_t step)
{
    const struct bit_history *steps = &run->peer->steps;
    int err = 0;

    for (uint64_t s = steps->first; s <= BIT_MIN(steps->last, step) && err == 0; s++) {
        struct bit_fact fact = *bit_history_get(steps, s);
        fact.machine = UINT16_MAX; /* no machine of this run: these steps are never repeated */
        err = bit_history_put(&run->history, s, &fact);
    }
    return err;
}

static int stand_there(struct bit_run *run, const Bit__ForkOrigin *o, uint64_t time_ns)
{
    run->step = run->step_max = run->step_max_lost = o->step;
    run->chain = o->link;
    run->rewinds.base = o->has_left_out ? o->left_out : 0;
    run->switched = o->has_switched_after;
    run->switched_after = o->switched_after;
    run->precision = run->switched ? BIT__PRECISION__TERNARY : BIT__PRECISION__SIXTEEN_BIT;
    int err = add_checkpoint(run, o, time_ns);
    for (size_t i = 0; i < o->n_later && err == 0; i++)
        err = bit_live_changes_apply(run, o->later[i]);
    return err == 0 && run->peer != NULL ? take_history(run, o->step) : err;
}

int bit_fork_peer_begin(struct bit_run *run, const Bit__ForkOrigin *o, uint64_t time_ns)
{
    run->fork = bit_msg_clone(o);
    if (run->fork == NULL)
        return bit_fail(-ENOMEM, "where %s begins", run->id);
    int err = o->has_weights_only && o->weights_only ? 0 : stand_there(run, o, time_ns);
    if (err < 0 || run->peer == NULL)
        return err;
    run->peer->rerun = (struct bit_rerun){.running = o->has_compare_to && o->compare_to > o->step,
                                          .from = o->step + 1,
                                          .to = o->compare_to,
                                          .compared = o->step,
                                          .at = o->step};
    return 0;
}

void bit_fork_peer_step(struct bit_run *run, uint64_t step, const struct bit_fact *is, const struct bit_machine *on)
{
    static const struct bit_machine unknown = {0};
    struct bit_fork_peer *peer = run->peer;

    if (peer == NULL)
        return;
    const struct bit_fact *was = bit_history_get(&peer->steps, step);
    bool known = was != NULL && was->machine < peer->machine_count;
    bit_rerun_step(&peer->rerun, step, was, is, known ? &peer->machine[was->machine] : &unknown, on);
}
