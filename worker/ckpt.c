/* Saving. */
#include "worker/ckpt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "proto/check.h"
#include "proto/checkpoint.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/log.h"
#include "worker/ckpt_io.h"
#include "worker/clock.h"

BIT_LOG_TOPIC("ckpt");

/* One checkpoint being written: what every rank knows of it. */
struct save {
    struct bit_worker *worker;
    const char *name;
    char partial[BIT_PATH_MAX];
    uint8_t *header; /* of all three files */
    size_t header_bytes;
    uint64_t file_bytes;
    uint32_t *crc[BIT_CHECKPOINT_FILES]; /* (blocks): rank 0 */
    uint64_t weights_digest, moments_digest;
};

static const float *values_of(const struct bit_worker *w, int file)
{
    const float *const values[] = {w->optim.master, w->optim.exp_avg, w->optim.exp_avg_sq};

    return values[file];
}

static int join(char out[BIT_PATH_MAX], const char *dir, const char *name)
{
    int length = snprintf(out, BIT_PATH_MAX, "%s/%s", dir, name);

    return length < BIT_PATH_MAX ? 0 : bit_fail(-ENAMETOOLONG, "'%s/%s'", dir, name);
}

static int prepare(struct save *s)
{
    const struct bit_plan *plan = &s->worker->plan;
    const Bit__Welcome *welcome = s->worker->welcome;
    int err = bit_checkpoint_partial(welcome->checkpoint_dir, s->name, welcome->epoch, s->partial, sizeof s->partial);

    if (err >= 0)
        err = bit_safetensors_header(plan->tensors, plan->tensor_count, &s->header, &s->header_bytes);
    if (err < 0)
        return err;
    s->file_bytes = s->header_bytes + (uint64_t)plan->elements * sizeof(float);
    for (int f = 0; f < BIT_CHECKPOINT_FILES; f++) {
        s->crc[f] = malloc((size_t)s->worker->shard.blocks * sizeof *s->crc[f]);
        if (s->crc[f] == NULL)
            return bit_fail(-ENOMEM, "checksums of '%s'", s->partial);
    }
    return 0;
}

/* Rank 0: the folder and three files at their full size, without data. */
static int create_files(struct save *s)
{
    const char *dir = s->worker->welcome->checkpoint_dir;
    char path[BIT_PATH_MAX];
    int err;

    if (mkdir(dir, 0777) < 0 && errno != EEXIST)
        return bit_fail(-errno, "creating '%s'", dir);
    err = bit_io_remove(s->partial); /* of an attempt that was cut off */
    if (err >= 0 && mkdir(s->partial, 0777) < 0)
        err = bit_fail(-errno, "creating '%s'", s->partial);
    for (int f = 0; f < BIT_CHECKPOINT_FILES && err >= 0; f++) {
        err = join(path, s->partial, bit_checkpoint_file_name(f));
        if (err >= 0)
            err = bit_io_create(path, s->header, s->header_bytes, s->file_bytes);
    }
    return err;
}

/* This rank's range of one file, synced. */
static int write_range(const struct save *s, int file)
{
    const struct bit_shard *shard = &s->worker->shard;
    const float *values = values_of(s->worker, file);
    char path[BIT_PATH_MAX];
    int err = join(path, s->partial, bit_checkpoint_file_name(file));
    int fd = err < 0 ? -1 : open(path, O_WRONLY | O_CLOEXEC);

    if (err >= 0 && fd < 0)
        err = bit_fail(-errno, "opening '%s'", path);
    for (int64_t at = 0; at < shard->count && err >= 0; at += BIT_WINDOW_ELEMENTS) {
        uint64_t offset = s->header_bytes + (uint64_t)(shard->begin + at) * sizeof *values;
        const int64_t count = BIT_MIN(BIT_WINDOW_ELEMENTS, shard->count - at);
        const float *seen;
        err = bit_window_read(&s->worker->optim.window, values + at, count, &seen);
        if (err >= 0)
            err = bit_io_pwrite(fd, path, seen, (size_t)count * sizeof *seen, offset);
    }
    if (err >= 0 && fsync(fd) < 0)
        err = bit_fail(-errno, "syncing '%s'", path);
    if (fd >= 0 && close(fd) < 0 && err >= 0)
        err = bit_fail(-errno, "closing '%s'", path);
    return err;
}

static int write_ranges(struct save *s)
{
    int err = 0;

    for (int f = 0; f < BIT_CHECKPOINT_FILES && err >= 0; f++)
        err = write_range(s, f);
    return err;
}

static void gather_checksums(struct save *s)
{
    struct bit_worker *w = s->worker;

    for (int f = 0; f < BIT_CHECKPOINT_FILES; f++) {
        const uint32_t *crc = bit_shard_checksums(&w->shard, w->comm, &w->optim.window, values_of(w, f),
                                                  w->plan.threads);
        memcpy(s->crc[f], crc, (size_t)w->shard.blocks * sizeof *crc);
    }
    s->weights_digest = bit_checkpoint_digest(s->crc[BIT_CHECKPOINT_MODEL], (size_t)w->shard.blocks);
    s->moments_digest = bit_optim_join_digests(
        bit_checkpoint_digest(s->crc[BIT_CHECKPOINT_EXP_AVG], (size_t)w->shard.blocks),
        bit_checkpoint_digest(s->crc[BIT_CHECKPOINT_EXP_AVG_SQ], (size_t)w->shard.blocks));
}

static uint64_t wall_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void describe_file(const struct save *s, int file, Bit__ManifestFile *out)
{
    bit__manifest_file__init(out);
    out->name = (char *)(uintptr_t)bit_checkpoint_file_name(file);
    out->bytes = s->file_bytes;
    out->header_crc = bit_crc32c(0, s->header, s->header_bytes);
    out->data_offset = s->header_bytes;
    out->n_chunk_crc = (size_t)s->worker->shard.blocks;
    out->chunk_crc = s->crc[file];
}

static int write_manifest(struct save *s, bool pre_switch)
{
    static char writer[] = "bitworker " BIT_VERSION " " BIT_COMMIT;
    struct bit_worker *w = s->worker;
    Bit__Manifest manifest = BIT__MANIFEST__INIT;
    Bit__ManifestFile files[BIT_CHECKPOINT_FILES], *list[BIT_CHECKPOINT_FILES];
    int dir_fd, err;

    for (int f = 0; f < BIT_CHECKPOINT_FILES; f++) {
        describe_file(s, f, &files[f]);
        list[f] = &files[f];
    }
    manifest.version = BIT_MANIFEST_VERSION;
    manifest.run = w->run;
    manifest.epoch = w->welcome->epoch;
    manifest.step = w->step;
    manifest.phase = &w->phase;
    manifest.ranks = (uint32_t)w->comm->size;
    manifest.spec = w->welcome->spec;
    manifest.weights_digest = s->weights_digest;
    manifest.time_ns = wall_ns();
    manifest.n_file = BIT_CHECKPOINT_FILES;
    manifest.file = list;
    manifest.has_pre_switch = true;
    manifest.pre_switch = pre_switch;
    manifest.writer = writer;
    dir_fd = open(s->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return bit_fail(-errno, "opening '%s'", s->partial);
    err = bit_manifest_write(dir_fd, &manifest);
    close(dir_fd);
    return err;
}

/* Each stage ends with one outcome for all, so that no rank waits for one that gave up. */
static int save(struct save *s, bool pre_switch)
{
    struct bit_comm *comm = s->worker->comm;
    int err = bit_comm_agree(comm, prepare(s));

    if (err >= 0)
        err = bit_comm_agree(comm, comm->rank == 0 ? create_files(s) : 0);
    if (err >= 0)
        err = bit_comm_agree(comm, write_ranges(s));
    if (err < 0)
        return err;
    gather_checksums(s);
    return bit_comm_agree(comm, comm->rank == 0 ? write_manifest(s, pre_switch) : 0);
}

void bit_ckpt_save(struct bit_worker *worker, char *name, bool pre_switch, Bit__CheckpointReport *report)
{
    const double began_ms = bit_clock_ms();
    struct save s = {.worker = worker, .name = name};
    int err = save(&s, pre_switch);

    snprintf(worker->ckpt_text, sizeof worker->ckpt_text, "%s", bit_fail_text());
    if (err < 0 && worker->comm->rank == 0 && s.partial[0] != '\0' && bit_io_remove(s.partial) < 0)
        bit_warn("left behind", "why=\"%s\"", bit_fail_text());
    bit__checkpoint_report__init(report);
    report->after_step = worker->step;
    report->name = name;
    report->error = err;
    report->text = err < 0 ? worker->ckpt_text : NULL;
    report->has_bytes = report->has_weights_digest = report->has_moments_digest = err >= 0;
    report->bytes = BIT_CHECKPOINT_FILES * s.file_bytes;
    report->weights_digest = s.weights_digest;
    report->moments_digest = s.moments_digest;
    report->has_ms = report->has_stall_ms = true;
    report->ms = report->stall_ms = bit_clock_ms() - began_ms; /* training waits for all of it */
    for (int f = 0; f < BIT_CHECKPOINT_FILES; f++)
        free(s.crc[f]);
    free(s.header);
}
