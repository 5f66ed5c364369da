#include "daemon/feed/feed.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "daemon/feed/file_bytes.h"
#include "proto/check.h"
#include "proto/data/batches.h"
#include "proto/data/shards.h"
#include "proto/data/sidecar.h"
#include "proto/data/token_file.h"
#include "proto/err.h"
#include "proto/spec/spec.h"

struct bit_feed {
    struct bit_batches *train;
    struct bit_task_feed *tasks;
    struct bit_shards **eval;
    double *eval_bytes; /* text bytes per token, by set; 0: unknown */
    uint64_t *checksum; /* of each file, as in bit_file_bytes_note; or NULL */
    size_t eval_count;
    uint32_t eval_instances_max;
    uint32_t batch;
    size_t instance_bytes;
    struct bit_batch_row *rows; /* (batch) */
    _Atomic(const char *) reading;
};

void bit_feed_destroy(struct bit_feed *feed)
{
    if (feed == NULL)
        return;
    bit_batches_destroy(feed->train);
    bit_task_feed_destroy(feed->tasks);
    for (size_t i = 0; i < feed->eval_count; i++)
        bit_shards_destroy(feed->eval[i]);
    free(feed->eval);
    free(feed->eval_bytes);
    free(feed->checksum);
    free(feed->rows);
    free(feed);
}

static int open_eval_sets(struct bit_feed *feed, const Bit__RunSpec *spec)
{
    size_t count = spec->eval->n_set;

    feed->eval = calloc(count ? count : 1, sizeof *feed->eval);
    feed->eval_bytes = calloc(count ? count : 1, sizeof *feed->eval_bytes);
    if (feed->eval == NULL || feed->eval_bytes == NULL)
        return bit_fail(-ENOMEM, "%zu evaluation sets", count);
    feed->eval_instances_max = spec->eval->instances;
    const struct bit_shards_shape shape = bit_shards_shape(spec);
    for (size_t i = 0; i < count; i++) {
        const Bit__EvalSet *set = spec->eval->set[i];
        int err = bit_shards_create(set->path, set->n_path, &shape, &feed->eval[i]);
        if (err < 0)
            return err;
        feed->eval_count++;
        if (bit_shards_instances(feed->eval[i]) == 0)
            return bit_fail(BIT_EDATA, "evaluation set '%s' holds no instance of %u tokens", set->name,
                            spec->model->context);
    }
    return 0;
}

static int open_train(struct bit_feed *feed, const Bit__RunSpec *spec)
{
    int err = bit_batches_create(spec, &feed->train);

    return err == BIT_EDATA ? bit_fail_within(err, spec->data->n_source > 0 ? "data.source" : "data.train") : err;
}

int bit_feed_create(const Bit__RunSpec *spec, struct bit_feed **out)
{
    struct bit_feed *feed = calloc(1, sizeof *feed);

    if (feed == NULL)
        return bit_fail(-ENOMEM, "the feed of a run");
    feed->batch = spec->batch->instances;
    const struct bit_shards_shape shape = bit_shards_shape(spec);
    feed->instance_bytes = (size_t)shape.context * shape.token_bytes;
    feed->rows = calloc(feed->batch, sizeof *feed->rows);
    int err = feed->rows == NULL ? bit_fail(-ENOMEM, "a batch of %u", feed->batch) : open_train(feed, spec);
    if (err == 0)
        err = open_eval_sets(feed, spec);
    if (err == 0)
        err = bit_task_feed_create(spec, &feed->tasks);
    if (err < 0) {
        bit_feed_destroy(feed);
        return err;
    }
    *out = feed;
    return 0;
}

void bit_feed_weigh(struct bit_feed *feed, const Bit__RunSpec *spec, const struct bit_file_id *shown)
{
    size_t at = bit_spec_paths(spec) - spec->eval->n_task;

    for (size_t i = 0; i < spec->eval->n_set; i++)
        at -= spec->eval->set[i]->n_path; /* evaluation sets are the last of the token files */
    for (size_t i = 0; i < feed->eval_count; i++) {
        const Bit__EvalSet *set = spec->eval->set[i];
        feed->eval_bytes[i] = bit_sidecar_bytes_per_token_of(set->path, set->n_path, shown != NULL ? &shown[at] : NULL);
        at += set->n_path;
    }
}

/* All sets of files, in the order of bit_spec_path: a heap array of borrowed sets. */
static struct bit_shards **list_sets(const struct bit_feed *feed, size_t *count)
{
    size_t sources = bit_batches_sources(feed->train);
    struct bit_shards **sets = calloc(sources + feed->eval_count + 1, sizeof *sets);

    *count = sources + feed->eval_count;
    if (sets == NULL) {
        bit_fail(-ENOMEM, "%zu sets of files", *count);
        return NULL;
    }
    for (size_t i = 0; i < *count; i++)
        sets[i] = i < sources ? bit_batches_shards(feed->train, i) : feed->eval[i - sources];
    return sets;
}

int bit_feed_check(struct bit_feed *feed, const Bit__RunSpec *spec, const char *path, const atomic_bool *stop,
                   struct bit_file_changes *changes)
{
    size_t count;
    struct bit_shards **sets = list_sets(feed, &count);
    int err = sets == NULL
                  ? -ENOMEM
                  : bit_file_identity_check(sets, count, path, feed->eval_bytes, feed->eval_count, stop, changes);

    free(sets);
    if (err == BIT_FILE_IDENTITY_OWN)
        bit_feed_weigh(feed, spec, NULL);
    return BIT_MIN(err, 0);
}

int bit_feed_note_checksums(struct bit_feed *feed, const struct bit_file_id *shown)
{
    size_t count;
    struct bit_shards **sets = list_sets(feed, &count);
    int err = sets == NULL ? -ENOMEM : 0;

    if (err == 0) {
        free(feed->checksum);
        feed->checksum = calloc(bit_file_identity_count(sets, count) + 1, sizeof *feed->checksum);
        err = feed->checksum == NULL ? bit_fail(-ENOMEM, "the checksums of token files") : 0;
    }
    if (err == 0)
        bit_file_bytes_note(sets, count, shown, feed->checksum);
    free(sets);
    return err;
}

int bit_feed_keep(const struct bit_feed *feed, const char *path)
{
    size_t count;
    struct bit_shards **sets = list_sets(feed, &count);
    int err = sets == NULL
                  ? -ENOMEM
                  : bit_file_identity_keep(sets, count, path, feed->eval_bytes, feed->eval_count, feed->checksum);

    free(sets);
    return err;
}

int bit_feed_prove(const struct bit_feed *feed, const struct bit_file_id *proven, size_t proven_count)
{
    size_t count;
    struct bit_shards **sets = list_sets(feed, &count);
    int err = sets == NULL ? -ENOMEM : bit_file_identity_prove(sets, count, proven, proven_count);

    free(sets);
    return err;
}

uint64_t bit_feed_instances(const struct bit_feed *feed)
{
    return bit_batches_instances(feed->train);
}

uint64_t bit_feed_epoch_steps(const struct bit_feed *feed)
{
    return bit_batches_epoch_steps(feed->train);
}

/* Seal what was read, or free it on error. */
static int finish(struct bit_payload *p, int err, uint64_t epoch, struct bit_payload **out)
{
    if (err == 0)
        err = bit_payload_seal(p, epoch);
    if (err < 0) {
        bit_payload_destroy(p);
        return err;
    }
    *out = p;
    return 0;
}

static int read_row(struct bit_feed *feed, struct bit_shards *shards, uint64_t instance, struct bit_payload *p,
                    uint32_t row)
{
    struct bit_shard_place place;

    bit_shards_find(shards, instance, &place);
    atomic_store(&feed->reading, place.path);
    return bit_shards_read(shards, instance, p->bytes + row * feed->instance_bytes);
}

double bit_feed_eval_bytes_per_token(const struct bit_feed *feed, size_t set)
{
    BIT_ASSERT(set < feed->eval_count);
    return feed->eval_bytes[set];
}

const struct bit_task_feed *bit_feed_tasks(const struct bit_feed *feed)
{
    return feed->tasks;
}

const char *bit_feed_reading(const struct bit_feed *feed)
{
    return atomic_load(&feed->reading);
}

static int make_payload(const struct bit_feed *feed, uint32_t rows, struct bit_payload **out)
{
    return bit_payload_create(rows * feed->instance_bytes, out);
}

int bit_feed_step(struct bit_feed *feed, uint64_t step, uint64_t epoch, struct bit_payload **out)
{
    struct bit_payload *p = NULL;
    int err = bit_batches_step(feed->train, step, feed->rows);

    if (err == 0)
        err = make_payload(feed, feed->batch, &p);
    for (uint32_t i = 0; i < feed->batch && err == 0; i++) {
        const struct bit_batch_row *row = &feed->rows[i];
        err = read_row(feed, bit_batches_shards(feed->train, row->source), row->instance, p, i);
    }
    return finish(p, err, epoch, out);
}

uint32_t bit_feed_eval_instances(const struct bit_feed *feed, size_t set)
{
    BIT_ASSERT(set < feed->eval_count);
    return (uint32_t)BIT_MIN(bit_shards_instances(feed->eval[set]), (uint64_t)feed->eval_instances_max);
}

int bit_feed_eval(struct bit_feed *feed, size_t set, uint64_t epoch, struct bit_payload **out)
{
    uint32_t count = bit_feed_eval_instances(feed, set);
    struct bit_payload *p = NULL;
    int err = make_payload(feed, count, &p);

    for (uint32_t i = 0; i < count && err == 0; i++)
        err = read_row(feed, feed->eval[set], i, p, i);
    return finish(p, err, epoch, out);
}
