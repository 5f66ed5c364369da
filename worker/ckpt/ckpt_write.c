/* A rank's part of a checkpoint, on its way to the disk. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "proto/check.h"
#include "worker/ckpt/ckpt.h"
#include "worker/ckpt/ckpt_io.h"
#include "worker/ckpt/ckpt_manifest.h"
#include "worker/ranks/worker_state.h"

/* Elements [at, at + count) of this rank's range of a file. */
static int see(const struct bit_ckpt *c, int file, int64_t at, int64_t count, const float **piece)
{
    struct bit_optim *optim = &c->worker->optim;

    if (!c->beside) /* there was no room for a copy */
        return bit_host_view_read(&optim->view, bit_optim_values(optim, file) + at, count, piece);
    *piece = c->copy[file] + at;
    return 0;
}

static int write_piece(struct bit_ckpt *c, int file, int fd, const char *path, int64_t at)
{
    const struct bit_shard *shard = &c->worker->shard;
    const int64_t count = BIT_MIN(BIT_HOST_VIEW_ELEMENTS, shard->count - at);
    const uint64_t offset = c->header_bytes + (uint64_t)(shard->begin + at) * sizeof(float);
    /* Beside training the cores are training's. */
    const int threads = c->beside ? 1 : c->worker->plan.threads;
    const float *piece;
    int err = see(c, file, at, count, &piece);

    if (err < 0)
        return err;
    bit_shard_checksum_blocks(piece, count, c->crc[file] + shard->first_block + at / BIT_SUM_BLOCK, threads);
    return bit_io_pwrite(fd, path, piece, (size_t)count * sizeof *piece, offset);
}

static int write_codes_from(struct bit_ckpt *c, int fd, const char *path)
{
    const struct bit_shard *shard = &c->worker->shard;
    const float *piece;
    int err = 0;

    for (int64_t at = 0; at < shard->count && err >= 0; at += BIT_HOST_VIEW_ELEMENTS) {
        const int64_t count = BIT_MIN(BIT_HOST_VIEW_ELEMENTS, shard->count - at);
        err = see(c, BIT_CHECKPOINT_MODEL, at, count, &piece);
        if (err >= 0)
            err = bit_ckpt_codes_write(&c->codes, fd, path, piece, shard->begin + at, count);
    }
    return err;
}

static int write_range_from(struct bit_ckpt *c, int file, int fd, const char *path)
{
    int err = 0;

    for (int64_t at = 0; at < c->worker->shard.count && err >= 0; at += BIT_HOST_VIEW_ELEMENTS)
        err = write_piece(c, file, fd, path, at);
    return err;
}

/* This rank's range of one file, synced. */
static int write_range(struct bit_ckpt *c, int file)
{
    char path[BIT_PATH_MAX];
    int err = bit_io_join(path, c->partial, bit_checkpoint_file_name(file));
    int fd = err < 0 ? -1 : open(path, O_WRONLY | O_CLOEXEC);

    if (err >= 0 && fd < 0)
        err = bit_fail(-errno, "opening '%s'", path);
    if (err >= 0)
        err = file == BIT_CHECKPOINT_CODES ? write_codes_from(c, fd, path) : write_range_from(c, file, fd, path);
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
        err = write_range(c, f);
    if (err >= 0 && c->codes.wanted)
        err = write_range(c, BIT_CHECKPOINT_CODES);
    return err < 0 || c->worker->comm->rank > 0 ? err : bit_ckpt_manifest_config(c);
}
