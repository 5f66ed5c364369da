#include "worker/scoring.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "worker/model/score.h"

/* This rank's copy of all requests. */
struct copies {
    uint32_t *tokens, *continuation, *ids; /* owned */
};

static void free_copies(struct copies *c)
{
    free(c->tokens);
    free(c->continuation);
    free(c->ids);
}

static int allocate(const struct bit_action *action, struct copies *c, struct bit_scored *scored)
{
    const size_t requests = (size_t)action->requests;

    c->tokens = calloc(requests, sizeof *c->tokens);
    c->continuation = calloc(requests, sizeof *c->continuation);
    c->ids = calloc((size_t)action->ids, sizeof *c->ids);
    scored->sum = calloc(requests, sizeof *scored->sum);
    scored->no_number = calloc(requests, sizeof *scored->no_number);
    if (c->tokens == NULL || c->continuation == NULL || c->ids == NULL || scored->sum == NULL ||
        scored->no_number == NULL)
        return bit_fail(-ENOMEM, "%" PRId64 " requests of %" PRId64 " tokens", action->requests, action->ids);
    return 0;
}

static void share(struct bit_comm *comm, void *copy, const void *original, size_t bytes)
{
    if (comm->rank == 0)
        memcpy(copy, original, bytes);
    bit_comm_bcast(comm, copy, bytes, 0);
}

/* Ids of 2 bytes are received at the end of the buffer for ids of 4, and widened from the first on: each is read before
 * it is overwritten. */
static void share_ids(struct bit_worker *w, const struct bit_action *action, const uint8_t *original, uint32_t *ids)
{
    const size_t bytes = (size_t)(action->ids * w->plan.token_bytes);
    uint8_t *at = (uint8_t *)ids + (size_t)action->ids * sizeof *ids - bytes;

    share(w->comm, at, original, bytes);
    if (w->plan.token_bytes == sizeof *ids)
        return;
    for (int64_t i = 0; i < action->ids; i++)
        ids[i] = at[2 * i] | (uint32_t)at[2 * i + 1] << 8;
}

/* Each sum is one rank's and zero bits on the others, so adding the bits as integers gives that sum exactly, even
 * NaN. */
static void gather(struct bit_worker *w, const struct bit_action *action, struct bit_scored *scored)
{
    _Static_assert(sizeof *scored->sum == sizeof(uint64_t), "bits of a sum");
    bit_comm_sum_u64(w->comm, (uint64_t *)(void *)scored->sum, (int)action->requests);
    for (int64_t r = 0; r < action->requests; r++) {
        if (isfinite(scored->sum[r]))
            continue;
        scored->sum[r] = 0;
        scored->no_number[scored->no_numbers++] = (uint32_t)r;
    }
}

static int score(struct bit_worker *w, const struct bit_requests *requests, const struct bit_packs *packs,
                 struct bit_scored *scored)
{
    float *loss = calloc((size_t)packs->targets + 1, sizeof *loss);
    int err = loss == NULL ? bit_fail(-ENOMEM, "%" PRId64 " losses", packs->targets) : 0;

    if (err >= 0)
        err = bit_score(w->model, packs, w->comm->rank, w->comm->size, loss);
    for (int64_t i = w->comm->rank; err >= 0 && i < packs->count; i += w->comm->size)
        bit_packs_sum(packs, i, requests, loss, scored->sum);
    free(loss);
    scored->rows = packs->rows;
    return err;
}

/* Every rank has all requests, and makes the same packs. */
static int pack_and_score(struct bit_worker *w, const struct bit_action *action, const struct bit_requests *requests,
                          struct bit_scored *scored)
{
    struct bit_packs packs = {0};
    int err = bit_packs_init(&packs, &w->plan, requests);

    if (err >= 0)
        err = score(w, requests, &packs, scored);
    bit_packs_finish(&packs);
    err = bit_comm_agree(w->comm, err);
    if (err >= 0)
        gather(w, action, scored);
    return err;
}

int bit_scoring_run(struct bit_worker *w, const struct bit_action *action, const struct bit_score_input *input,
                    struct bit_scored *scored)
{
    const size_t lengths = (size_t)action->requests * sizeof *input->tokens;
    struct copies c = {0};
    int err = bit_publish_evaluate(&w->publish, w->optim.master, action->precision);

    if (err < 0)
        bit_comm_abort(w->comm, err);
    err = bit_comm_agree(w->comm, allocate(action, &c, scored));
    if (err < 0)
        goto out;
    share(w->comm, c.tokens, input->tokens, lengths);
    share(w->comm, c.continuation, input->continuation, lengths);
    share_ids(w, action, input->ids, c.ids);

    const struct bit_requests requests = {action->requests, c.tokens, c.continuation, c.ids};
    err = bit_requests_check_ids(&w->plan, &requests); /* the same result on every rank */
    if (err >= 0)
        err = pack_and_score(w, action, &requests, scored);
out:
    free_copies(&c);
    return err;
}

void bit_scoring_finish(struct bit_scored *scored)
{
    free(scored->sum);
    free(scored->no_number);
    *scored = (struct bit_scored){0};
}
