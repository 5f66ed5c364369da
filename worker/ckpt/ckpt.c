/* Saving a checkpoint: the collective part. */
#include "worker/ckpt/ckpt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/format.h"
#include "proto/log.h"
#include "worker/ckpt/ckpt_io.h"
#include "worker/ckpt/ckpt_manifest.h"
#include "worker/process/clock.h"
#include "worker/ranks/worker_state.h"

BIT_LOG_TOPIC("ckpt");

/* ---- life */

static size_t copy_bytes(const struct bit_ckpt *c, int file)
{
    return (size_t)c->worker->shard.count * bit_dtype_bytes(bit_optim_vector(&c->worker->optim, file).dtype);
}

static void drop_copies(struct bit_ckpt *c)
{
    for (int f = 0; f < BIT_CHECKPOINT_FILES; f++) {
        bit_exec_free_host(&c->worker->model->exec, c->copy[f], copy_bytes(c, f));
        c->copy[f] = NULL;
    }
}

static int make_copies(struct bit_ckpt *c)
{
    int err = c->worker->plan.memory.snapshot > 0 ? 0 : bit_fail(-ENOMEM, "a copy of weights and moments");

    for (int f = 0; f < BIT_CHECKPOINT_FILES && err >= 0; f++)
        err = bit_exec_alloc_host(&c->worker->model->exec, copy_bytes(c, f), &c->copy[f]);
    return err;
}

/* Checkpoints are written beside training on every rank or on none, because ranks begin and end them together. */
static void choose(struct bit_ckpt *c)
{
    struct bit_comm *comm = c->worker->comm;

    if (!c->worker->plan.trains) /* a run that only evaluates writes no checkpoint */
        return;
    c->beside = bit_comm_agree(comm, make_copies(c)) >= 0;
    if (!c->beside) {
        drop_copies(c);
        if (comm->rank == 0)
            bit_warn("checkpoints hold training up", "why=\"no room in the host's memory for %s\"", bit_fail_text());
    }
}

static int measure(struct bit_ckpt *c, int file)
{
    const struct bit_worker_plan *plan = &c->worker->plan;
    const Bit__Operands type = bit_checkpoint_type(c->worker->spec->optimizer, (enum bit_checkpoint_file)file);
    uint8_t *header = NULL;
    int err = bit_safetensors_header_of(plan->tensors, plan->tensor_count, type, NULL, &header, &c->header_bytes[file]);

    free(header);
    c->file_bytes[file] = c->header_bytes[file] + (uint64_t)plan->elements * bit_checkpoint_bytes_of(type);
    return err;
}

static int make_tables(struct bit_ckpt *c)
{
    int err = bit_ckpt_codes_init(&c->codes, c->worker);

    for (int f = 0; f < BIT_CHECKPOINT_FILES && err >= 0; f++)
        err = measure(c, f);
    if (err < 0)
        return err;
    for (int f = 0; f < BIT_CHECKPOINT_FILES; f++) {
        c->crc[f] = calloc((size_t)c->worker->shard.blocks, sizeof *c->crc[f]);
        if (c->crc[f] == NULL)
            return bit_fail(-ENOMEM, "checksums of %" PRId64 " blocks", c->worker->shard.blocks);
    }
    return 0;
}

int bit_ckpt_init(struct bit_ckpt *c, struct bit_worker *worker)
{
    int err;

    *c = (struct bit_ckpt){.worker = worker, .lane = &worker->optim.aside};
    err = bit_comm_agree(worker->comm, make_tables(c));
    if (err >= 0)
        choose(c);
    return err;
}

static void join(struct bit_ckpt *c)
{
    if (c->has_thread)
        pthread_join(c->thread, NULL);
    c->has_thread = false;
}

void bit_ckpt_finish(struct bit_ckpt *c)
{
    if (c->worker == NULL)
        return;
    join(c);
    drop_copies(c);
    for (int f = 0; f < BIT_CHECKPOINT_FILES; f++)
        free(c->crc[f]);
    free(c->config);
    bit_ckpt_codes_finish(&c->codes);
    *c = (struct bit_ckpt){0};
}

/* ---- begin */

/* Rank 0: creates the folder and its files at their full size, without data. */
static int create_files(struct bit_ckpt *c)
{
    const char *dir = c->worker->welcome->checkpoint_dir;
    int err;

    if (mkdir(dir, 0777) < 0 && errno != EEXIST)
        return bit_fail(-errno, "creating '%s'", dir);
    err = bit_io_remove(c->partial); /* left by an attempt that was interrupted */
    if (err >= 0 && mkdir(c->partial, 0777) < 0)
        err = bit_fail(-errno, "creating '%s'", c->partial);
    return err < 0 ? err : bit_ckpt_manifest_create(c);
}

/* From now on the optimizer waits for the copy before it changes anything. */
static int copy_state(struct bit_ckpt *c)
{
    struct bit_optim *optim = &c->worker->optim;
    int err = bit_lane_follow(c->lane);

    for (int f = 0; f < BIT_CHECKPOINT_FILES && err >= 0; f++)
        err = bit_lane_copy(c->lane, c->copy[f], bit_optim_vector(optim, f).values, copy_bytes(c, f));
    return err;
}

static void write_own(struct bit_ckpt *c)
{
    c->err = bit_ckpt_write(c);
    if (c->err < 0)
        bit_format(c->text, sizeof c->text, "%s", bit_fail_text());
    atomic_store(&c->worker->part_written, true);
}

static void *write_beside(void *arg)
{
    struct bit_ckpt *c = arg;

    write_own(c);
    if (c->on_written != NULL)
        c->on_written(c->on_written_arg);
    return NULL;
}

/* A rank that cannot start a thread writes at once; the others need not know. */
static void start_writing(struct bit_ckpt *c)
{
    c->has_thread = c->beside && pthread_create(&c->thread, NULL, write_beside, c) == 0;
    if (!c->has_thread)
        write_own(c);
}

static int prepare(struct bit_ckpt *c)
{
    const Bit__Welcome *welcome = c->worker->welcome;
    int err = bit_checkpoint_partial(welcome->checkpoint_dir, c->name, welcome->epoch, c->partial, sizeof c->partial);

    return err >= 0 && c->beside ? copy_state(c) : err;
}

bool bit_ckpt_begin(struct bit_ckpt *c, const struct bit_ckpt_about *about)
{
    struct bit_worker *w = c->worker;
    struct bit_comm *comm = w->comm;

    BIT_ASSERT(!c->under_way);
    c->under_way = true;
    c->began_ms = bit_clock_ms();
    snprintf(c->name, sizeof c->name, "%s", about->name);
    c->step = w->step;
    c->phase = w->phase;
    c->pre_switch = about->pre_switch;
    c->strength = about->strength;
    c->next_batch = about->next_batch;
    c->err = 0;
    c->text[0] = c->partial[0] = '\0';
    w->all_written = false;
    atomic_store(&w->part_written, false);
    int err = bit_ckpt_codes_begin(&c->codes);
    if (err < 0)
        bit_comm_abort(comm, err); /* others may be inside a collective */
    c->refused = bit_comm_agree(comm, prepare(c));
    if (c->refused >= 0)
        c->refused = bit_comm_agree(comm, comm->rank == 0 ? create_files(c) : 0);
    if (c->refused < 0)
        bit_format(c->text, sizeof c->text, "%s", bit_fail_text());
    else
        start_writing(c);
    c->stall_ms = bit_clock_ms() - c->began_ms;
    return c->refused >= 0 && c->beside;
}

/* ---- end */

/* Each group of ranks updates its own copy of the state with the same gradient, so the copies are equal unless one is
 * damaged. */
static int compare_groups(struct bit_ckpt *c)
{
    struct bit_comm *comm = c->worker->comm;

    if (bit_comm_group(comm) == comm || bit_comm_same(comm, c->weights_digest ^ c->moments_digest))
        return 0;
    return bit_fail(BIT_ECORRUPT, "groups of %d ranks (launch.shard_ranks) have different master weights or moments",
                    c->worker->plan.layout.size);
}

static void gather_checksums(struct bit_ckpt *c)
{
    struct bit_worker *w = c->worker;
    uint64_t digest[BIT_CHECKPOINT_FILES];

    for (int f = 0; f < BIT_CHECKPOINT_FILES; f++) {
        bit_shard_gather(&w->shard, w->comm, c->crc[f], sizeof *c->crc[f]);
        digest[f] = bit_checkpoint_digest(c->crc[f], (size_t)w->shard.blocks);
    }
    c->weights_digest = digest[BIT_CHECKPOINT_MODEL];
    c->moments_digest = bit_checkpoint_join_digests(digest[BIT_CHECKPOINT_EXP_AVG], digest[BIT_CHECKPOINT_EXP_AVG_SQ]);
    bit_ckpt_codes_gather(&c->codes);
}

/* Each stage ends with one outcome for all ranks, so that no rank waits for one that gave up. */
static int complete(struct bit_ckpt *c)
{
    struct bit_comm *comm = c->worker->comm;
    int err = c->refused;

    join(c);
    if (err < 0)
        return err;
    err = bit_comm_agree(comm, c->err < 0 ? bit_fail_again(c->err, "", c->text) : 0);
    if (err < 0)
        return err;
    gather_checksums(c);
    err = compare_groups(c);
    if (err < 0)
        return err;
    return bit_comm_agree(comm, comm->rank == 0 ? bit_ckpt_manifest_write(c) : 0);
}

static void fill_report(struct bit_ckpt *c, int err, Bit__CheckpointReport *report)
{
    bit__checkpoint_report__init(report);
    report->after_step = c->step;
    report->name = c->name;
    report->error = err;
    report->text = err < 0 ? c->text : NULL;
    report->has_bytes = report->has_weights_digest = report->has_moments_digest = err >= 0;
    report->bytes = c->codes.wanted ? c->codes.file_bytes : 0;
    for (int f = 0; f < BIT_CHECKPOINT_FILES; f++)
        report->bytes += c->file_bytes[f];
    report->weights_digest = c->weights_digest;
    report->moments_digest = c->moments_digest;
    report->has_ms = report->has_stall_ms = true;
    report->ms = bit_clock_ms() - c->began_ms;
    report->stall_ms = c->stall_ms;
}

void bit_ckpt_end(struct bit_ckpt *c, Bit__CheckpointReport *report)
{
    const double came_ms = bit_clock_ms();
    int err;

    BIT_ASSERT(c->under_way);
    err = complete(c);
    if (err < 0 && c->refused >= 0)
        bit_format(c->text, sizeof c->text, "%s", bit_fail_text());
    if (err < 0 && c->worker->comm->rank == 0 && c->partial[0] != '\0' && bit_io_remove(c->partial) < 0)
        bit_warn("partial checkpoint left", "why=%s", bit_fail_text());
    c->stall_ms += bit_clock_ms() - came_ms;
    c->under_way = false;
    fill_report(c, err, report);
}
