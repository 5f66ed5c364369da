#include "worker/product_table.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/exec/product_search.h"
#include "proto/err.h"
#include "proto/log.h"
#include "worker/process/clock.h"
#include "worker/product_file.h"
#include "worker/product_use.h"

BIT_LOG_TOPIC("products");

/* kernels has these as structs, proto as bytes. */
_Static_assert(sizeof(struct bit_product_choice) == BIT_PRODUCT_ROW_BYTES, "a row");
_Static_assert(offsetof(struct bit_product_choice, algorithm) == BIT_PRODUCT_KEY_BYTES, "which product it is of");
_Static_assert(sizeof(struct bit_product_card) == sizeof(struct bit_product_maker), "a card");

struct finding {
    struct bit_worker *w;
    struct bit_product_maker *makers;         /* (size): of each rank */
    struct bit_product_set run, state, found; /* from earlier launches; from bitd; timed now, on rank 0 */
};

/* ---- what is known */

/* Broadcasts rank `root`'s bytes; *bytes is the caller's to free, on every rank. */
static int share(struct bit_comm *comm, int root, uint8_t **bytes, size_t *size)
{
    uint64_t count = *size;
    int err = 0;

    bit_comm_bcast(comm, &count, sizeof count, root);
    if (comm->rank != root) {
        *bytes = count > 0 ? malloc(count) : NULL;
        err = count > 0 && *bytes == NULL ? bit_fail(-ENOMEM, "a table of %llu bytes", (unsigned long long)count) : 0;
    }
    err = bit_comm_agree(comm, err);
    if (err >= 0 && count > 0)
        bit_comm_bcast(comm, *bytes, count, root);
    *size = count;
    return err;
}

static int gather_makers(struct finding *f)
{
    struct bit_comm *comm = f->w->comm;
    struct bit_product_card card;
    int err = bit_products_card(&f->w->model->exec, &card);

    f->makers = calloc((size_t)comm->size, sizeof *f->makers);
    if (err >= 0 && f->makers == NULL)
        err = bit_fail(-ENOMEM, "the cards of %d ranks", comm->size);
    err = bit_comm_agree(comm, err);
    if (err >= 0)
        bit_comm_gather(comm, &card, sizeof card, f->makers);
    return err;
}

/* The first rank with the same card, driver and library; all such ranks use its table. */
static int leader_of(const struct finding *f, int rank)
{
    int first = 0;

    while (memcmp(&f->makers[first], &f->makers[rank], sizeof f->makers[first]) != 0)
        first++;
    return first;
}

static int read_known(struct finding *f)
{
    struct bit_worker *w = f->w;
    const char *dir = w->welcome->checkpoint_dir;
    int err;

    if (w->comm->rank == 0 && dir != NULL && dir[0] != '\0')
        bit_product_file_read(dir, &f->run);
    err = share(w->comm, 0, &f->run.bytes, &f->run.size);
    if (err >= 0 && w->welcome->has_products &&
        bit_product_set_parse(w->welcome->products.data, w->welcome->products.len, &f->state) < 0)
        bit_warn("bitd's products not taken", "why=\"%s\"", bit_fail_text()); /* the same bytes on every rank */
    return err;
}

static int take(struct bit_worker *w, const struct bit_product_view *view)
{
    return bit_products_take(&w->model->exec, (const struct bit_product_choice *)(const void *)view->rows,
                             (int)view->count);
}

/* Use the known rows of this rank's card; if two sources have the same product, the first one's. */
static int take_known(struct finding *f)
{
    const struct bit_product_set *const sets[] = {&f->w->products, &f->run, &f->state};
    const struct bit_product_maker *maker = &f->makers[f->w->comm->rank];
    struct bit_product_set known = {0};
    struct bit_product_view view = {0};
    int err = 0;

    for (size_t i = 0; i < sizeof sets / sizeof sets[0] && err >= 0; i++)
        if (bit_product_set_find(sets[i], maker, &view))
            err = bit_product_set_add(&known, maker, view.rows, view.count);
    if (err >= 0 && bit_product_set_find(&known, maker, &view))
        err = take(f->w, &view);
    bit_product_set_finish(&known);
    return bit_comm_agree(f->w->comm, err);
}

/* ---- the search */

static uint32_t *draw_tokens(const struct bit_worker_plan *plan)
{
    const int64_t count = plan->micro_instances * plan->context;
    uint32_t *tokens = malloc((size_t)count * sizeof *tokens), state = 1;

    for (int64_t i = 0; tokens != NULL && i < count; i++) {
        state = state * 1664525u + 1013904223u;
        tokens[i] = (uint32_t)((uint64_t)state * (uint64_t)plan->vocab >> 32);
    }
    return tokens;
}

/* Runs one micro-batch, which contains every product of a training step or, without gradients, of a forward pass. */
static int multiply_all(struct bit_worker *w, const uint32_t *tokens)
{
    const struct bit_worker_plan *plan = &w->plan;
    double loss;
    uint64_t targets;
    int err;

    if (!plan->trains)
        return bit_model_evaluate(w->model, tokens, plan->micro_instances, &loss, &targets);
    err = bit_model_clear(w->model);
    if (err >= 0)
        err = bit_model_accumulate(w->model, tokens, plan->micro_instances,
                                   1.0 / (double)(plan->micro_instances * plan->context));
    return err < 0 ? err : bit_exec_wait(&w->model->exec);
}

static int search_phase(struct bit_worker *w, const uint32_t *tokens, Bit__Precision precision)
{
    struct bit_exec *exec = &w->model->exec;
    const bool replays = exec->replays;
    int err = bit_comm_agree(w->comm, bit_publish_evaluate(&w->publish, w->optim.master, precision));

    if (err < 0)
        return err;
    exec->replays = false;
    err = bit_products_search(exec, true);
    if (err >= 0)
        err = multiply_all(w, tokens);
    bit_products_search(exec, false);
    exec->replays = replays;
    return bit_comm_agree(w->comm, err);
}

static int search(struct bit_worker *w)
{
    uint32_t *tokens = draw_tokens(&w->plan);
    int err = bit_comm_agree(w->comm, tokens == NULL ? bit_fail(-ENOMEM, "tokens") : 0);

    if (err >= 0 && w->phase.precision == BIT__PRECISION__SIXTEEN_BIT)
        err = search_phase(w, tokens, BIT__PRECISION__SIXTEEN_BIT);
    if (err >= 0)
        err = search_phase(w, tokens, BIT__PRECISION__TERNARY);
    bit_publish_stale(&w->publish);
    free(tokens);
    return err;
}

/* ---- one table for all ranks with the same card */

/* Broadcasts the rows that `rank` uses. */
static int share_rows(struct finding *f, int rank, uint8_t **rows, size_t *size)
{
    struct bit_comm *comm = f->w->comm;
    const struct bit_product_choice *met = NULL;
    int err = 0;

    *size = 0;
    if (comm->rank == rank) {
        const int count = bit_products_rows(&f->w->model->exec, &met);
        *size = count > 0 ? (size_t)count * sizeof *met : 0;
        *rows = *size > 0 ? malloc(*size) : NULL;
        err = count < 0 ? count : *size > 0 && *rows == NULL ? bit_fail(-ENOMEM, "%d products", count) : 0;
        if (err >= 0 && *size > 0)
            memcpy(*rows, met, *size);
    }
    err = bit_comm_agree(comm, err);
    return err < 0 ? err : share(comm, rank, rows, size);
}

/* Replaces the card's table in w->products by the rows in use, followed by earlier launches' rows for other phases. */
static int put_table(struct bit_worker *w, const struct bit_product_maker *maker, const uint8_t *rows, size_t size)
{
    struct bit_product_set table = {0};
    struct bit_product_view old;
    int err = bit_product_set_add(&table, maker, rows, size / BIT_PRODUCT_ROW_BYTES);

    if (err >= 0 && bit_product_set_find(&w->products, maker, &old))
        err = bit_product_set_add(&table, maker, old.rows, old.count);
    if (err >= 0) {
        bit_product_set_drop(&w->products, maker);
        err = bit_product_set_merge(&w->products, &table);
    }
    bit_product_set_finish(&table);
    return err;
}

static int agree_on(struct finding *f, int leader)
{
    uint8_t *rows = NULL;
    size_t size;
    int err = share_rows(f, leader, &rows, &size);

    if (err >= 0)
        err = put_table(f->w, &f->makers[leader], rows, size);
    free(rows);
    return bit_comm_agree(f->w->comm, err);
}

static int agree(struct finding *f)
{
    struct bit_worker *w = f->w;
    const struct bit_product_maker *mine = &f->makers[w->comm->rank];
    struct bit_product_view view = {0};
    int err = bit_comm_agree(w->comm, bit_product_set_merge(&w->products, &f->run));

    for (int rank = 0; rank < w->comm->size && err >= 0; rank++)
        if (leader_of(f, rank) == rank)
            err = agree_on(f, rank);
    if (err >= 0 && bit_product_set_cut(&w->products, BIT_PRODUCT_SET_BYTES_MAX) > 0 && w->comm->rank == 0)
        bit_warn("products forgotten", "text=\"too many kinds of cards in this run: the tables of the earliest are "
                                       "dropped\"");
    if (!bit_product_set_find(&w->products, mine, &view))
        view.count = 0;
    if (err >= 0)
        err = take(w, &view);
    return bit_comm_agree(w->comm, err);
}

static int find(struct finding *f)
{
    struct bit_worker *w = f->w;
    struct bit_product_set restored = {0};
    int err = gather_makers(f);

    if (err >= 0)
        err = read_known(f);
    if (err >= 0)
        err = bit_comm_agree(w->comm, bit_product_set_merge(&restored, &w->products));
    if (err >= 0)
        err = take_known(f);
    if (err >= 0)
        err = search(w);
    if (err >= 0)
        err = agree(f);
    if (err >= 0 && w->comm->rank == 0) {
        const struct bit_product_sources from = {&restored, &f->run, &f->state};
        err = bit_product_use_tell(w, f->makers, &from, &f->found);
        if (w->welcome->checkpoint_dir != NULL && w->welcome->checkpoint_dir[0] != '\0')
            bit_product_file_keep(w->welcome->checkpoint_dir, &w->products);
    }
    bit_product_set_finish(&restored);
    return bit_comm_agree(w->comm, err);
}

int bit_product_table_find(struct bit_worker *w, struct bit_product_set *found)
{
    const Bit__LaunchSpec *launch = w->spec->launch;
    const double begin_ms = bit_clock_ms();
    struct finding f = {.w = w};
    int err = 0;

    if (!bit_products_have_choice(&w->model->exec) || !launch->search_products || launch->deterministic)
        return 0;
    err = find(&f);
    if (err >= 0 && w->comm->rank == 0)
        bit_info("found", "products=%u not_first=%u timed=%zu ms=%.0f", bit_product_use_count(w).products,
                 bit_product_use_count(w).not_first, f.found.size / BIT_PRODUCT_ROW_BYTES, bit_clock_ms() - begin_ms);
    free(f.makers);
    bit_product_set_finish(&f.run);
    bit_product_set_finish(&f.state);
    if (found != NULL && err >= 0)
        *found = f.found;
    else
        bit_product_set_finish(&f.found);
    return err;
}
