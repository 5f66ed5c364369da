#include "daemon/feed.h"

#include <inttypes.h>
#include <stdlib.h>

#include "daemon/order.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/tokens.h"

struct bit_feed {
    struct bit_dataset *train;
    struct bit_dataset **eval;
    size_t eval_count;
    uint32_t eval_instances_max;
    uint32_t batch, context;
    uint64_t seed;
    uint32_t *order; /* of order_epoch; NULL before the first step */
    uint64_t order_epoch;
};

void bit_feed_destroy(struct bit_feed *feed)
{
    if (feed == NULL)
        return;
    bit_dataset_destroy(feed->train);
    for (size_t i = 0; i < feed->eval_count; i++)
        bit_dataset_destroy(feed->eval[i]);
    free(feed->eval);
    free(feed->order);
    free(feed);
}

static int open_eval_sets(struct bit_feed *feed, const Bit__RunSpec *spec)
{
    size_t count = spec->eval->n_set;
    feed->eval = calloc(count ? count : 1, sizeof *feed->eval);
    if (feed->eval == NULL)
        return bit_fail(-ENOMEM, "%zu evaluation sets", count);
    feed->eval_instances_max = spec->eval->instances;
    for (size_t i = 0; i < count; i++) {
        const Bit__EvalSet *set = spec->eval->set[i];
        int err = bit_dataset_create(set->path, set->n_path, spec->model->context, spec->model->vocab, &feed->eval[i]);
        if (err < 0)
            return err;
        feed->eval_count++;
        if (bit_dataset_instances(feed->eval[i]) == 0)
            return bit_fail(BIT_EDATA, "evaluation set '%s' holds no instance of %u tokens", set->name,
                            spec->model->context);
    }
    return 0;
}

static int open_train(struct bit_feed *feed, const Bit__RunSpec *spec)
{
    int err = bit_dataset_create(spec->data->train, spec->data->n_train, spec->model->context, spec->model->vocab,
                                 &feed->train);
    if (err < 0)
        return err;
    uint64_t instances = bit_dataset_instances(feed->train);
    if (instances < feed->batch)
        return bit_fail(BIT_EDATA,
                        "data.train holds %" PRIu64 " instances of %u tokens in %zu files, and one batch needs %u",
                        instances, feed->context, spec->data->n_train, feed->batch);
    return 0;
}

int bit_feed_create(const Bit__RunSpec *spec, struct bit_feed **out)
{
    struct bit_feed *feed = calloc(1, sizeof *feed);
    if (feed == NULL)
        return bit_fail(-ENOMEM, "the feed of a run");
    feed->batch = spec->batch->instances;
    feed->context = spec->model->context;
    feed->seed = spec->data->seed;
    int err = open_train(feed, spec);
    if (err == 0)
        err = open_eval_sets(feed, spec);
    if (err < 0) {
        bit_feed_destroy(feed);
        return err;
    }
    *out = feed;
    return 0;
}

uint64_t bit_feed_instances(const struct bit_feed *feed)
{
    return bit_dataset_instances(feed->train);
}

uint64_t bit_feed_epoch_steps(const struct bit_feed *feed)
{
    return bit_feed_instances(feed) / feed->batch;
}

static int order_for(struct bit_feed *feed, uint64_t epoch)
{
    if (feed->order != NULL && feed->order_epoch == epoch)
        return 0;
    free(feed->order);
    feed->order = NULL;
    feed->order_epoch = epoch;
    return bit_order_create(feed->seed + epoch, bit_feed_instances(feed), &feed->order);
}

/* instance[i] of ds for i < count, or instance i itself where there is no list. */
static int gather(struct bit_dataset *ds, const uint32_t *instance, uint32_t count, uint32_t context, uint64_t epoch,
                  struct bit_payload **out)
{
    struct bit_payload *p = NULL;
    int err = bit_payload_create((size_t)count * context * BIT_TOKEN_BYTES, &p);
    for (uint32_t i = 0; i < count && err == 0; i++) {
        uint16_t *row = (uint16_t *)(void *)p->bytes + (size_t)i * context;
        err = bit_dataset_read(ds, instance ? instance[i] : i, row);
    }
    if (err == 0)
        err = bit_payload_seal(p, epoch);
    if (err < 0) {
        bit_payload_destroy(p);
        return err;
    }
    *out = p;
    return 0;
}

int bit_feed_step(struct bit_feed *feed, uint64_t step, uint64_t epoch, struct bit_payload **out)
{
    BIT_ASSERT(step >= 1);
    uint64_t epoch_steps = bit_feed_epoch_steps(feed);
    int err = order_for(feed, (step - 1) / epoch_steps);
    if (err < 0)
        return err;
    const uint32_t *rows = feed->order + (step - 1) % epoch_steps * feed->batch;
    return gather(feed->train, rows, feed->batch, feed->context, epoch, out);
}

uint32_t bit_feed_eval_instances(const struct bit_feed *feed, size_t set)
{
    BIT_ASSERT(set < feed->eval_count);
    return (uint32_t)BIT_MIN(bit_dataset_instances(feed->eval[set]), (uint64_t)feed->eval_instances_max);
}

int bit_feed_eval(struct bit_feed *feed, size_t set, uint64_t epoch, struct bit_payload **out)
{
    return gather(feed->eval[set], NULL, bit_feed_eval_instances(feed, set), feed->context, epoch, out);
}
