#include "proto/data/batches.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/check.h"
#include "proto/data/mixture.h"
#include "proto/data/shards.h"
#include "proto/data/shuffle.h"
#include "proto/err.h"
#include "proto/format.h"

#define WINDOW_LEAST (1u << 16)

struct source {
    char name[BIT_NAME_MAX + 1];
    struct bit_shards *shards;
    struct bit_shuffle *shuffle;
};

struct bit_batches {
    struct source *source;
    size_t count;
    uint32_t batch;
    uint32_t *place; /* (batch): instances of one source in one step */
    struct bit_mixture mixture;
};

void bit_batches_destroy(struct bit_batches *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->count; i++) {
        bit_shuffle_destroy(b->source[i].shuffle);
        bit_shards_destroy(b->source[i].shards);
    }
    free(b->source);
    free(b->place);
    free(b);
}

/* A source's window is proportional to its share of a step, so that all windows end at about the same step. */
static uint32_t window_of(double share)
{
    double window = share * BIT_SHUFFLE_WINDOW;

    return window < WINDOW_LEAST ? WINDOW_LEAST : (uint32_t)BIT_MIN(window, (double)BIT_SHUFFLE_WINDOW);
}

static int open_source(struct bit_batches *b, const char *name, double share, char *const *path, size_t paths,
                       const Bit__RunSpec *spec)
{
    struct source *s = &b->source[b->count++]; /* counted first, so that it is destroyed after a failure, too */
    const struct bit_shards_shape shape = bit_shards_shape(spec);
    int err = bit_shards_create(path, paths, &shape, &s->shards);

    snprintf(s->name, sizeof s->name, "%s", name);
    if (err < 0)
        return err;
    uint64_t instances = bit_shards_instances(s->shards), least = spec->data->n_source > 1 ? 1 : b->batch;
    if (instances >= least)
        return bit_shuffle_create_windowed(spec->data->seed, instances, window_of(share), &s->shuffle);
    return bit_fail(BIT_EDATA,
                    "%s%s%s%" PRIu64 " instances of %u tokens in %zu file%s are too few: one %s needs %" PRIu64,
                    spec->data->n_source > 0 ? "'" : "", spec->data->n_source > 0 ? name : "",
                    spec->data->n_source > 0 ? "': " : "", instances, spec->model->context, paths, bit_format_s(paths),
                    least == 1 ? "source" : "batch", least);
}

static int open_sources(struct bit_batches *b, const Bit__RunSpec *spec)
{
    const Bit__DataSpec *data = spec->data;
    double weight[BIT_SOURCES_MAX] = {1}, sum = 0;
    int err = 0;

    for (size_t i = 0; i < data->n_source; i++)
        sum += weight[i] = data->n_source == 1 ? 1 : data->source[i]->weight;
    if (data->n_train > 0)
        err = open_source(b, "train", 1, data->train, data->n_train, spec);
    for (size_t i = 0; i < data->n_source && err == 0; i++) {
        const Bit__DataSource *source = data->source[i];
        err = open_source(b, source->name, weight[i] / sum, source->path, source->n_path, spec);
    }
    if (err == 0 && b->count > 0)
        bit_mixture_init(&b->mixture, weight, b->count, b->batch);
    return err;
}

int bit_batches_create(const Bit__RunSpec *spec, struct bit_batches **out)
{
    size_t sources = BIT_MAX(spec->data->n_source, (size_t)1);
    struct bit_batches *b = calloc(1, sizeof *b);
    int err = 0;

    BIT_ASSERT(sources <= BIT_SOURCES_MAX);
    if (b != NULL) {
        b->batch = spec->batch->instances;
        b->place = calloc(b->batch, sizeof *b->place);
        b->source = calloc(sources, sizeof *b->source);
    }
    if (b == NULL || b->place == NULL || b->source == NULL)
        err = bit_fail(-ENOMEM, "the sources of a run");
    else
        err = open_sources(b, spec);
    if (err < 0) {
        bit_batches_destroy(b);
        return err;
    }
    *out = b;
    return 0;
}

uint64_t bit_batches_instances(const struct bit_batches *b)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < b->count; i++)
        sum += bit_shards_instances(b->source[i].shards);
    return sum;
}

uint64_t bit_batches_epoch_steps(const struct bit_batches *b)
{
    return BIT_MAX(bit_batches_instances(b) / b->batch, (uint64_t)1);
}

size_t bit_batches_sources(const struct bit_batches *b)
{
    return b->count;
}

struct bit_shards *bit_batches_shards(const struct bit_batches *b, size_t source)
{
    BIT_ASSERT(source < b->count);
    return b->source[source].shards;
}

const char *bit_batches_name(const struct bit_batches *b, size_t source)
{
    BIT_ASSERT(source < b->count);
    return b->source[source].name;
}

/* n instances of a source, from place `first` of an epoch. */
static int take(struct bit_batches *b, uint32_t source, uint64_t epoch, uint64_t first, uint32_t n,
                struct bit_batch_row *rows)
{
    int err = bit_shuffle_read(b->source[source].shuffle, epoch, first, n, b->place);

    for (uint32_t i = 0; i < n && err == 0; i++)
        rows[i] = (struct bit_batch_row){.source = source, .instance = b->place[i], .epoch = epoch};
    return err;
}

/* The next `count` instances of a source of a mixture, across the ends of its epochs. */
static int take_endless(struct bit_batches *b, uint32_t source, uint64_t from, uint32_t count,
                        struct bit_batch_row *rows)
{
    uint64_t instances = bit_shards_instances(b->source[source].shards);
    int err = 0;

    while (count > 0 && err == 0) {
        uint64_t within = from % instances;
        uint32_t n = (uint32_t)BIT_MIN((uint64_t)count, instances - within);
        err = take(b, source, from / instances, within, n, rows);
        rows += n;
        from += n;
        count -= n;
    }
    return err;
}

int bit_batches_step(struct bit_batches *b, uint64_t step, struct bit_batch_row *rows)
{
    int err = 0;

    BIT_ASSERT(step >= 1 && b->count > 0);
    if (b->count == 1) {
        uint64_t epoch_steps = bit_batches_epoch_steps(b);
        return take(b, 0, (step - 1) / epoch_steps, (step - 1) % epoch_steps * b->batch, b->batch, rows);
    }
    bit_mixture_go(&b->mixture, step);
    for (uint32_t i = 0; i < b->count && err == 0; i++) {
        const struct bit_mixture_part *p = &b->mixture.part[i];
        err = take_endless(b, i, p->before, p->count, rows);
        rows += p->count;
    }
    return err;
}
