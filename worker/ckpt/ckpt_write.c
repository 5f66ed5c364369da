/* Writes a rank's part of a checkpoint to the disk. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "proto/check.h"
#include "worker/ckpt/ckpt.h"
#include "worker/ckpt/ckpt_io.h"
#include "worker/ckpt/ckpt_manifest.h"
#include "worker/ranks/worker_state.h"

/* Elements [at, at + count) of this rank's part of a file. */
static int see(const struct bit_ckpt *c, int file, int64_t at, int64_t count, const void **piece)
{
    struct bit_optim *optim = &c->worker->optim;
    const struct bit_shard_vector vector = bit_optim_vector(optim, file), copy = {c->copy[file], vector.dtype};

    if (!c->beside) /* there was no room for a copy */
        return bit_host_view_read(&optim->view, bit_shard_from(&vector, at),
                                  (size_t)count * bit_dtype_bytes(vector.dtype), piece);
    *piece = bit_shard_from(&copy, at);
    return 0;
}

/* A piece of one of the rank's runs. */
struct piece {
    const struct bit_shard_run *run;
    int64_t at, count; /* elements of the run */
};

static int write_piece(struct bit_ckpt *c, int file, int fd, const char *path, const struct piece *p)
{
    const enum bit_dtype dtype = bit_optim_vector(&c->worker->optim, file).dtype;
    const size_t each = bit_dtype_bytes(dtype);
    const uint64_t offset = c->header_bytes[file] + (uint64_t)(p->run->begin + p->at) * each;
    /* Beside training, leave the cores to it. */
    const int threads = c->beside ? 1 : c->worker->plan.threads;
    const void *values;
    int err = see(c, file, p->run->at + p->at, p->count, &values);

    if (err < 0)
        return err;
    bit_shard_checksum_blocks(values, dtype, p->count, c->crc[file] + p->run->first_block + p->at / BIT_LAYOUT_BLOCK,
                              threads);
    return fd < 0 ? 0 : bit_io_pwrite(fd, path, values, (size_t)p->count * each, offset);
}

static int write_piece_of_codes(struct bit_ckpt *c, int fd, const char *path, const struct piece *p)
{
    const void *values;
    int err = see(c, BIT_CHECKPOINT_MODEL, p->run->at + p->at, p->count, &values);

    return err < 0 ? err : bit_ckpt_codes_write(&c->codes, fd, path, values, p->run->begin + p->at, p->count);
}

static int write_run(struct bit_ckpt *c, int file, int fd, const char *path, const struct bit_shard_run *run)
{
    int err = 0;

    for (int64_t at = 0; at < run->count && err >= 0; at += BIT_HOST_VIEW_ELEMENTS) {
        const struct piece piece = {run, at, BIT_MIN(BIT_HOST_VIEW_ELEMENTS, run->count - at)};
        err = file == BIT_CHECKPOINT_CODES ? write_piece_of_codes(c, fd, path, &piece)
                                           : write_piece(c, file, fd, path, &piece);
    }
    return err;
}

static int write_runs(struct bit_ckpt *c, int file, int fd, const char *path)
{
    const struct bit_shard *shard = &c->worker->shard;
    int err = 0;

    for (int i = 0; i < shard->run_count && err >= 0; i++)
        err = write_run(c, file, fd, path, &shard->runs[i]);
    return err;
}

/* Writes this rank's part of one file and syncs it. Only the first group writes; the others, which have the same data,
 * compute its checksums. */
static int write_file(struct bit_ckpt *c, int file)
{
    char path[BIT_PATH_MAX];

    if (c->worker->comm->rank >= c->worker->plan.layout.size)
        return write_runs(c, file, -1, "");
    int err = bit_io_join(path, c->partial, bit_checkpoint_file_name(file));
    int fd = err < 0 ? -1 : open(path, O_WRONLY | O_CLOEXEC);

    if (err >= 0 && fd < 0)
        err = bit_fail(-errno, "opening '%s'", path);
    if (err >= 0)
        err = write_runs(c, file, fd, path);
    if (err >= 0 && fsync(fd) < 0)
        err = bit_fail(-errno, "syncing '%s'", path);
    if (fd >= 0 && close(fd) < 0 && err >= 0)
        err = bit_fail(-errno, "closing '%s'", path);
    return err;
}

int bit_ckpt_write(struct bit_ckpt *c)
{
    int err = c->beside ? bit_lane_wait(c->lane) : 0;

    for (int f = 0; f < BIT_CHECKPOINT_FILES && err >= 0; f++)
        err = write_file(c, f);
    if (err >= 0 && c->codes.wanted)
        err = write_file(c, BIT_CHECKPOINT_CODES);
    return err < 0 || c->worker->comm->rank > 0 ? err : bit_ckpt_manifest_config(c);
}
