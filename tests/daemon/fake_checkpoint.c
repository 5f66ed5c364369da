#include "tests/daemon/fake_checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/ckpt/manifest.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/limits.h"

static uint64_t bits(double v)
{
    uint64_t u;

    memcpy(&u, &v, sizeof u);
    return u;
}

/* The content of one of a checkpoint's files. */
static void fill(const struct fake_model *m, int which, uint64_t data[8])
{
    const uint64_t all[8] = {m->weights,
                             m->step,
                             m->optimizer_step,
                             bits(m->phase.beta1),
                             bits(m->phase.beta2),
                             (uint64_t)m->phase.precision,
                             m->phase.switched_after,
                             (uint64_t)which};

    memcpy(data, all, sizeof all);
}

static uint64_t file_digest(const struct fake_model *m, int which)
{
    uint64_t data[8];

    fill(m, which, data);
    const uint32_t crc = bit_crc32c(0, data, sizeof data);
    return bit_checkpoint_digest(&crc, 1);
}

uint64_t fake_moments(const struct fake_model *m)
{
    return bit_checkpoint_join_digests(file_digest(m, BIT_CHECKPOINT_EXP_AVG),
                                       file_digest(m, BIT_CHECKPOINT_EXP_AVG_SQ));
}

static int write_file(const char *dir, const struct fake_model *m, int which, Bit__ManifestFile *out, uint32_t *crc)
{
    char path[3 * BIT_PATH_MAX];
    uint64_t data[8];
    int err = 0;

    fill(m, which, data);
    snprintf(path, sizeof path, "%s/%s", dir, bit_checkpoint_file_name(which));
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, sizeof data) != sizeof data || fsync(fd) < 0)
        err = bit_fail(-errno, "%s", path);
    if (fd >= 0)
        close(fd);
    bit__manifest_file__init(out);
    out->name = bit_lend(bit_checkpoint_file_name(which));
    out->bytes = sizeof data;
    *crc = bit_crc32c(0, data, sizeof data);
    out->n_chunk_crc = 1;
    out->chunk_crc = crc;
    return err;
}

static void fill_manifest(const struct fake_checkpoint *c, Bit__Manifest *m)
{
    m->version = 1; /* checkpoints of flat files only */
    m->run = getenv("BITD_RUN");
    m->epoch = c->epoch;
    m->step = c->model->step;
    m->phase = (Bit__PhaseState *)(uintptr_t)&c->model->phase;
    m->ranks = c->ranks;
    m->spec = c->spec;
    m->weights_digest = c->model->weights;
    m->time_ns = 1;
    m->writer = bit_lend("fake_worker");
    m->identity = c->identity;
}

int fake_checkpoint_write(const char *partial, const struct fake_checkpoint *c)
{
    Bit__ManifestFile file[BIT_CHECKPOINT_FILES], *files[BIT_CHECKPOINT_FILES];
    uint32_t crc[BIT_CHECKPOINT_FILES];
    Bit__Manifest m = BIT__MANIFEST__INIT;
    int err = 0, fd;

    mkdir(partial, 0700);
    for (int i = 0; i < BIT_CHECKPOINT_FILES && err == 0; i++) {
        err = write_file(partial, c->model, i, &file[i], &crc[i]);
        files[i] = &file[i];
    }
    if (err < 0)
        return err;
    fill_manifest(c, &m);
    m.n_file = BIT_CHECKPOINT_FILES;
    m.file = files;
    fd = open(partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    err = fd < 0 ? bit_fail(-errno, "%s", partial) : bit_manifest_write(fd, &m);
    if (fd >= 0)
        close(fd);
    return err;
}

int fake_checkpoint_read(const char *folder, struct fake_model *m)
{
    char path[3 * BIT_PATH_MAX];
    uint64_t data[8];

    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, data, sizeof data);
    if (fd >= 0)
        close(fd);
    if (got != sizeof data)
        return bit_fail(got < 0 ? -errno : -EIO, "%s", path);
    m->weights = data[0];
    m->step = data[1];
    m->optimizer_step = data[2];
    memcpy(&m->phase.beta1, &data[3], sizeof data[3]);
    memcpy(&m->phase.beta2, &data[4], sizeof data[4]);
    m->phase.precision = (Bit__Precision)data[5];
    m->phase.switched_after = data[6];
    m->phase.optimizer_step = m->optimizer_step;
    return 0;
}
