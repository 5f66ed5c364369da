#include "worker/ckpt/ckpt_manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "proto/check.h"
#include "proto/ckpt/explain.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "worker/ckpt/ckpt.h"
#include "worker/ckpt/ckpt_io.h"
#include "worker/ranks/worker_state.h"

static uint64_t wall_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Fills everything except the files and the digest. Borrows from c. */
static void fill_manifest(struct bit_ckpt *c, Bit__Manifest *m)
{
    static char writer[] = "bitworker " BIT_VERSION " " BIT_COMMIT;
    struct bit_worker *w = c->worker;

    bit__manifest__init(m);
    m->version = BIT_MANIFEST_VERSION;
    m->run = w->run;
    m->epoch = w->welcome->epoch;
    m->step = c->step;
    m->phase = &c->phase;
    m->ranks = (uint32_t)w->comm->size;
    m->spec = w->welcome->spec;
    m->time_ns = wall_ns();
    m->has_pre_switch = true;
    m->pre_switch = c->pre_switch;
    m->writer = writer;
    m->has_arithmetic = true;
    m->arithmetic = BIT_ARITHMETIC;
    m->identity = w->welcome->identity;
    m->has_strength = m->has_next_batch = true;
    m->strength = c->strength;
    m->next_batch = c->next_batch;
}

static Bit__Operands type_of(const struct bit_ckpt *c, int file)
{
    return bit_checkpoint_type(c->worker->spec->optimizer, (enum bit_checkpoint_file)file);
}

/* ---- create */

static int create_file(struct bit_ckpt *c, int file, const char *metadata)
{
    const struct bit_worker_plan *plan = &c->worker->plan;
    const Bit__Operands type = type_of(c, file);
    char path[BIT_PATH_MAX];
    uint8_t *header = NULL;
    size_t bytes;
    int err = bit_io_join(path, c->partial, bit_checkpoint_file_name((enum bit_checkpoint_file)file));

    if (err >= 0 && file == BIT_CHECKPOINT_CODES)
        return bit_ckpt_codes_create(&c->codes, path, metadata);
    if (err >= 0)
        err = bit_safetensors_header_of(plan->tensors, plan->tensor_count, type, metadata, &header, &bytes);
    if (err < 0)
        return err;
    BIT_ASSERT(bytes == c->header_bytes[file]);
    c->header_crc[file] = bit_crc32c(0, header, bytes);
    err = bit_io_create(path, header, bytes, c->file_bytes[file]);
    free(header);
    return err;
}

int bit_ckpt_manifest_create(struct bit_ckpt *c)
{
    Bit__Manifest manifest;
    char *metadata = NULL;
    int err;

    fill_manifest(c, &manifest);
    free(c->config);
    c->config = NULL;
    err = bit_explain_config(&manifest, &c->config);
    if (err >= 0)
        err = bit_explain_metadata(&manifest, NULL, &metadata);
    for (int f = 0; f < BIT_CHECKPOINT_FILES && err >= 0; f++)
        err = create_file(c, f, metadata);
    if (err >= 0 && c->codes.wanted)
        err = create_file(c, BIT_CHECKPOINT_CODES, metadata);
    free(metadata);
    return err;
}

/* ---- what is written at the end */

static int open_file(const struct bit_ckpt *c, enum bit_checkpoint_file file, int flags, char path[BIT_PATH_MAX])
{
    int err = bit_io_join(path, c->partial, bit_checkpoint_file_name(file));
    int fd = err < 0 ? -1 : open(path, O_WRONLY | O_CLOEXEC | flags, 0666);

    if (err < 0)
        return err;
    return fd < 0 ? bit_fail(-errno, "opening '%s'", path) : fd;
}

/* Writes to the beginning of a file and syncs it. Closes fd. */
static int write_synced(int fd, const char *path, const void *bytes, size_t count)
{
    int err = bit_io_pwrite(fd, path, bytes, count, 0);

    if (err >= 0 && fsync(fd) < 0)
        err = bit_fail(-errno, "syncing '%s'", path);
    if (close(fd) < 0 && err >= 0)
        err = bit_fail(-errno, "closing '%s'", path);
    return err;
}

int bit_ckpt_manifest_config(struct bit_ckpt *c)
{
    char path[BIT_PATH_MAX];
    int fd = open_file(c, BIT_CHECKPOINT_CONFIG, O_CREAT | O_EXCL, path);

    return fd < 0 ? fd : write_synced(fd, path, c->config, strlen(c->config));
}

/* The digests are known only after every rank has written; the header has the same length with and without them. */
static int put_digests(struct bit_ckpt *c, const Bit__Manifest *manifest)
{
    const struct bit_worker_plan *plan = &c->worker->plan;
    const struct bit_explain_digests digests = {.weights = c->weights_digest, .moments = c->moments_digest};
    char path[BIT_PATH_MAX], *metadata = NULL;
    uint8_t *header = NULL;
    size_t bytes;
    int err = bit_explain_metadata(manifest, &digests, &metadata);

    if (err >= 0)
        err = bit_safetensors_header(plan->tensors, plan->tensor_count, metadata, &header, &bytes);
    free(metadata);
    if (err < 0)
        return err;
    c->header_crc[BIT_CHECKPOINT_MODEL] = bit_crc32c(0, header, bytes);
    int fd = open_file(c, BIT_CHECKPOINT_MODEL, 0, path);
    err = fd < 0 ? fd : write_synced(fd, path, header, bytes);
    free(header);
    return err;
}

static void describe_vector(const struct bit_ckpt *c, int file, Bit__ManifestFile *out)
{
    bit__manifest_file__init(out);
    out->name = bit_lend(bit_checkpoint_file_name((enum bit_checkpoint_file)file));
    out->bytes = c->file_bytes[file];
    out->header_crc = c->header_crc[file];
    out->data_offset = c->header_bytes[file];
    out->chunk_bytes = bit_checkpoint_chunk_of(type_of(c, file));
    /* The default is the larger size: programs that know no other can read such a manifest too. */
    out->has_chunk_bytes = out->chunk_bytes != BIT_CHECKPOINT_CHUNK;
    out->n_chunk_crc = (size_t)c->worker->shard.blocks;
    out->chunk_crc = c->crc[file];
}

/* A text of at most one chunk, without a header before its data. */
static void describe_config(const struct bit_ckpt *c, uint32_t *crc, Bit__ManifestFile *out)
{
    bit__manifest_file__init(out);
    out->name = bit_lend(bit_checkpoint_file_name(BIT_CHECKPOINT_CONFIG));
    out->bytes = strlen(c->config);
    BIT_ASSERT(out->bytes > 0 && out->bytes <= BIT_CHECKPOINT_CHUNK);
    *crc = bit_crc32c(0, c->config, out->bytes);
    out->n_chunk_crc = 1;
    out->chunk_crc = crc;
}

int bit_ckpt_manifest_write(struct bit_ckpt *c)
{
    Bit__ManifestFile files[BIT_CHECKPOINT_FILES_MAX], *list[BIT_CHECKPOINT_FILES_MAX];
    Bit__Manifest manifest;
    uint32_t config_crc;

    fill_manifest(c, &manifest);
    manifest.weights_digest = c->weights_digest;
    int err = put_digests(c, &manifest);
    if (err < 0)
        return err;
    manifest.products.data = c->worker->products.bytes;
    manifest.products.len = c->worker->products.size;
    manifest.has_products = manifest.products.len > 0;
    for (int f = 0; f < BIT_CHECKPOINT_FILES; f++)
        describe_vector(c, f, &files[f]);
    describe_config(c, &config_crc, &files[BIT_CHECKPOINT_CONFIG]);
    if (c->codes.wanted)
        bit_ckpt_codes_describe(&c->codes, &files[BIT_CHECKPOINT_CODES]);
    manifest.n_file = c->codes.wanted ? BIT_CHECKPOINT_FILES_MAX : BIT_CHECKPOINT_CODES;
    for (size_t f = 0; f < manifest.n_file; f++)
        list[f] = &files[f];
    manifest.file = list;
    int dir_fd = open(c->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    err = dir_fd < 0 ? bit_fail(-errno, "opening '%s'", c->partial) : bit_manifest_write(dir_fd, &manifest);
    if (dir_fd >= 0)
        close(dir_fd);
    return err;
}
