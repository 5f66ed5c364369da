#include "worker/model/packs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/data/token_file.h"
#include "proto/err.h"

/* ---- checks of requests */

/* The last token is predicted but is not an input, so tokens - 1 must fit into the context. */
static int check_lengths(const struct bit_worker_plan *plan, const struct bit_requests *requests, int64_t r)
{
    const uint32_t tokens = requests->tokens[r], continuation = requests->continuation[r];

    if (continuation < 1 || continuation >= tokens)
        return bit_fail(
            BIT_EDATA, "request %" PRId64 " of %u tokens has %u of continuation: one and a token of context are needed",
            r, tokens, continuation);
    if (tokens - 1 > plan->context)
        return bit_fail(BIT_EDATA, "request %" PRId64 " of %u tokens is longer than the model's context of %" PRId64, r,
                        tokens, plan->context);
    return 0;
}

int bit_requests_check_lengths(const struct bit_worker_plan *plan, const struct bit_requests *requests, int64_t *ids)
{
    int64_t sum = 0;

    for (int64_t r = 0; r < requests->count; r++) {
        int err = check_lengths(plan, requests, r);
        if (err < 0)
            return err;
        sum += requests->tokens[r];
    }
    *ids = sum;
    return 0;
}

int bit_requests_check_ids(const struct bit_worker_plan *plan, const struct bit_requests *requests)
{
    const uint32_t *ids = requests->ids;

    for (int64_t r = 0; r < requests->count; ids += requests->tokens[r++]) {
        int64_t bad = bit_token_find_invalid(ids, requests->tokens[r], sizeof *ids, (uint32_t)plan->vocab);
        if (bad >= 0)
            return bit_fail(BIT_EDATA,
                            "token %u at position %" PRId64 " of request %" PRId64
                            " is beyond the vocabulary of %" PRId64,
                            ids[bad], bad, r, plan->vocab);
    }
    return 0;
}

/* ---- packing */

/* The pack that is being filled, and the last context in it. */
struct packing {
    struct bit_packs *packs;
    struct bit_pack *pack;
    const uint32_t *context; /* NULL: none in this pack */
    struct bit_branch trunk;
};

static bool has_context(const struct packing *p, const uint32_t *ids, int64_t context)
{
    return p->context != NULL && p->trunk.rows == context &&
           memcmp(p->context, ids, (size_t)context * sizeof *ids) == 0;
}

static void begin_pack(struct packing *p, int64_t request)
{
    const struct bit_pack *last = p->pack;

    p->pack = &p->packs->pack[p->packs->count++];
    *p->pack = (struct bit_pack){.first_request = request, .end_request = request};
    if (last != NULL) {
        p->pack->first_row = last->first_row + last->rows;
        p->pack->first_branch = last->first_branch + last->branches;
        p->pack->first_target = last->first_target + last->targets;
    }
    p->context = NULL;
}

/* Adds `rows` tokens from position `position` on, which attend to `trunk` before them. */
static struct bit_branch add_branch(struct packing *p, const uint32_t *ids, int64_t rows, int64_t position,
                                    const struct bit_branch *trunk)
{
    struct bit_pack *pack = p->pack;
    const int64_t at = pack->first_row + pack->rows;
    const struct bit_branch branch = {.first = (int32_t)pack->rows,
                                      .rows = (int32_t)rows,
                                      .trunk_first = trunk == NULL ? 0 : trunk->first,
                                      .trunk_rows = trunk == NULL ? 0 : trunk->rows};

    for (int64_t i = 0; i < rows; i++) {
        p->packs->token[at + i] = ids[i];
        p->packs->position[at + i] = (uint32_t)(position + i);
    }
    p->packs->branch[pack->first_branch + pack->branches++] = branch;
    pack->rows += rows;
    pack->time = BIT_MAX(pack->time, rows + branch.trunk_rows);
    return branch;
}

/* The context's last row predicts the first token of a continuation, and each token's row predicts the next one. */
static void add_targets(struct packing *p, const uint32_t *continuation, int64_t count, int64_t branch_row)
{
    struct bit_pack *pack = p->pack;
    const int64_t at = pack->first_target + pack->targets;

    for (int64_t i = 0; i < count; i++) {
        p->packs->row[at + i] = (uint32_t)(i == 0 ? p->trunk.first + p->trunk.rows - 1 : branch_row + i - 1);
        p->packs->target[at + i] = (int32_t)continuation[i];
    }
    pack->targets += count;
}

static void add_request(struct packing *p, int64_t capacity, const struct bit_requests *requests, int64_t r,
                        const uint32_t *ids)
{
    const int64_t count = requests->continuation[r], context = requests->tokens[r] - count;
    const int64_t rows = count - 1 + (p->pack != NULL && has_context(p, ids, context) ? 0 : context);

    if (p->pack == NULL || p->pack->rows + rows > capacity || p->pack->targets + count > capacity)
        begin_pack(p, r);
    if (!has_context(p, ids, context)) {
        p->trunk = add_branch(p, ids, context, 0, NULL);
        p->context = ids;
    }
    const int64_t branch_row = p->pack->rows;
    if (count > 1)
        add_branch(p, ids + context, count - 1, context, &p->trunk);
    add_targets(p, ids + context, count, branch_row);
    p->pack->end_request = r + 1;
}

static int allocate(struct bit_packs *packs, const struct bit_requests *requests)
{
    size_t rows = 0, targets = 0;

    for (int64_t r = 0; r < requests->count; r++) {
        rows += requests->tokens[r] - 1;
        targets += requests->continuation[r];
    }
    packs->pack = calloc((size_t)requests->count + 1, sizeof *packs->pack);
    packs->token = calloc(rows + 1, sizeof *packs->token);
    packs->position = calloc(rows + 1, sizeof *packs->position);
    packs->branch = calloc(2 * (size_t)requests->count + 1, sizeof *packs->branch);
    packs->row = calloc(targets + 1, sizeof *packs->row);
    packs->target = calloc(targets + 1, sizeof *packs->target);
    if (packs->pack == NULL || packs->token == NULL || packs->position == NULL || packs->branch == NULL ||
        packs->row == NULL || packs->target == NULL)
        return bit_fail(-ENOMEM, "%" PRId64 " requests of %zu rows", requests->count, rows);
    return 0;
}

int bit_packs_init(struct bit_packs *packs, const struct bit_worker_plan *plan, const struct bit_requests *requests)
{
    struct packing p = {.packs = packs};
    const uint32_t *ids = requests->ids;
    int err;

    *packs = (struct bit_packs){0};
    err = allocate(packs, requests);
    if (err < 0) {
        bit_packs_finish(packs);
        return err;
    }
    for (int64_t r = 0; r < requests->count; ids += requests->tokens[r++])
        add_request(&p, plan->score_rows, requests, r, ids);
    for (int64_t i = 0; i < packs->count; i++) {
        packs->rows += packs->pack[i].rows;
        packs->targets += packs->pack[i].targets;
    }
    return 0;
}

void bit_packs_finish(struct bit_packs *packs)
{
    free(packs->pack);
    free(packs->token);
    free(packs->position);
    free(packs->branch);
    free(packs->row);
    free(packs->target);
    *packs = (struct bit_packs){0};
}

void bit_packs_sum(const struct bit_packs *packs, int64_t pack, const struct bit_requests *requests, const float *loss,
                   double *sum)
{
    const struct bit_pack *p = &packs->pack[pack];
    const float *at = loss + p->first_target;

    for (int64_t r = p->first_request; r < p->end_request; r++) {
        sum[r] = 0;
        for (uint32_t i = 0; i < requests->continuation[r]; i++)
            sum[r] -= (double)*at++;
    }
}
