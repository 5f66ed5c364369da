/* Restores a checkpoint: each rank reads the ranges that it owns now, whichever rank wrote them. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernels/element.h"
#include "proto/check.h"
#include "proto/ckpt/init_file.h"
#include "proto/ckpt/manifest.h"
#include "proto/ckpt/product_set.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/log.h"
#include "proto/regular_file.h"
#include "proto/wire/msg.h"
#include "worker/ckpt/ckpt.h"
#include "worker/ckpt/ckpt_io.h"
#include "worker/model/arithmetic.h"
#include "worker/ranks/worker_state.h"

BIT_LOG_TOPIC("restore");

#define READ_BLOCKS (BIT_HOST_VIEW_ELEMENTS / BIT_LAYOUT_BLOCK)

static const Bit__ManifestFile *find_file(const Bit__Manifest *manifest, const char *name)
{
    for (size_t i = 0; i < manifest->n_file; i++)
        if (strcmp(manifest->file[i]->name, name) == 0)
            return manifest->file[i];
    return NULL;
}

/* One of the files, and the destination of its values. */
struct vector_file {
    struct bit_worker *w;
    const Bit__ManifestFile *file;
    char path[BIT_PATH_MAX];
    int fd;
    enum bit_dtype dtype;       /* of the file's elements */
    struct bit_shard_vector to; /* values of another type are converted */
    void *before;               /* READ_BLOCKS blocks in the file's type; NULL if the types are the same */
};

/* The header must list our model's tensors in our layout, all of one type. Other entries of the header may be of any
 * version. */
static int check_tensors(struct vector_file *r, const struct bit_safetensors *file)
{
    const struct bit_worker_plan *plan = &r->w->plan;
    bool same = file->count == (size_t)plan->tensor_count;

    r->dtype = r->file->chunk_bytes < BIT_CHECKPOINT_CHUNK ? BIT_BF16 : BIT_F32;
    const char *dtype = r->dtype == BIT_BF16 ? "BF16" : "F32";
    const size_t each = bit_dtype_bytes(r->dtype);

    for (size_t i = 0; i < file->count && same; i++) { /* both are in the order of the data */
        const struct bit_safetensors_entry *e = &file->entries[i];
        const struct bit_tensor *t = &plan->tensors[i];
        same = strcmp(e->name, t->name) == 0 && strcmp(e->dtype, dtype) == 0 && e->dims == 2 &&
               e->shape[0] == t->rows && e->shape[1] == t->cols && e->begin == each * (uint64_t)t->offset;
    }
    return same ? 0 : bit_fail(BIT_ESPEC, "'%s' holds another model's tensors", r->path);
}

/* The bytes before the data must have the manifest's checksum. */
static int check_header(struct vector_file *r)
{
    const Bit__ManifestFile *file = r->file;
    const char *path = r->path;
    struct bit_safetensors found = {0};
    uint8_t *head = malloc(file->data_offset);
    int err = head == NULL ? bit_fail(-ENOMEM, "the header of '%s'", path) : 0;

    if (err >= 0)
        err = bit_io_pread(r->fd, path, head, file->data_offset, 0);
    if (err >= 0 && bit_crc32c(0, head, file->data_offset) != file->header_crc)
        err = bit_fail(BIT_ECORRUPT, "'%s' at offset 0: the header's checksum is wrong", path);
    if (err >= 0)
        err = bit_safetensors_parse(head, file->data_offset, file->bytes, &found);
    if (err == -EINVAL || (err >= 0 && found.data_offset != file->data_offset))
        err = bit_fail(BIT_ECORRUPT, "'%s': its data do not begin at byte %" PRIu64 ", where its manifest says", path,
                       file->data_offset);
    if (err >= 0)
        err = check_tensors(r, &found);
    bit_safetensors_finish(&found);
    free(head);
    return err;
}

/* Reads blocks [first, first + count) into `into`, in the file's type, and compares each with its checksum. */
static int read_blocks(const struct vector_file *r, int64_t first, int64_t count, uint8_t *into)
{
    const int64_t begin = first * BIT_LAYOUT_BLOCK,
                  end = BIT_MIN(begin + count * BIT_LAYOUT_BLOCK, r->w->shard.layout->elements);
    const size_t each = bit_dtype_bytes(r->dtype);
    int err = bit_io_pread(r->fd, r->path, into, (size_t)(end - begin) * each,
                           r->file->data_offset + (uint64_t)begin * each);

    for (int64_t b = 0; b < count && err >= 0; b++) {
        int64_t at = b * BIT_LAYOUT_BLOCK, length = BIT_MIN(BIT_LAYOUT_BLOCK, end - begin - at);
        if (bit_crc32c(0, into + (size_t)at * each, (size_t)length * each) != r->file->chunk_crc[first + b])
            err = bit_fail(BIT_ECORRUPT, "'%s' at offset %" PRIu64 ": chunk %" PRId64 "'s checksum is wrong", r->path,
                           r->file->data_offset + (uint64_t)(begin + at) * each, first + b);
    }
    return err;
}

/* Widens bf16, or rounds f32 to the nearest. Not stochastically: this is done only once. */
static void convert(const struct vector_file *r, int64_t count, void *into)
{
    for (int64_t i = 0; i < count; i++)
        bit_element_set(into, r->to.dtype, i, bit_element(r->before, r->dtype, i));
}

/* Reads READ_BLOCKS blocks from a run's block b on, to their place in the backend's memory. */
static int read_piece(const struct vector_file *r, const struct bit_shard_run *run, int64_t b)
{
    struct bit_host_view *view = &r->w->optim.view;
    const int64_t blocks = BIT_MIN(READ_BLOCKS, run->blocks - b);
    const int64_t count = BIT_MIN(blocks * BIT_LAYOUT_BLOCK, run->count - b * BIT_LAYOUT_BLOCK);
    const size_t bytes = (size_t)count * bit_dtype_bytes(r->to.dtype);
    void *to = bit_shard_from(&r->to, run->at + b * BIT_LAYOUT_BLOCK), *into = bit_host_view_write(view, to, bytes);
    int err = read_blocks(r, run->first_block + b, blocks, r->before != NULL ? r->before : into);

    if (err >= 0 && r->before != NULL)
        convert(r, count, into);
    return err < 0 ? err : bit_host_view_commit(view, to, bytes);
}

static int read_runs(struct vector_file *r)
{
    const struct bit_shard *shard = &r->w->shard;
    int err = 0;

    if (r->dtype != r->to.dtype) {
        r->before = malloc((size_t)(READ_BLOCKS * BIT_LAYOUT_BLOCK) * bit_dtype_bytes(r->dtype));
        if (r->before == NULL)
            return bit_fail(-ENOMEM, "converting '%s'", r->path);
    }
    for (int i = 0; i < shard->run_count && err >= 0; i++)
        for (int64_t b = 0; b < shard->runs[i].blocks && err >= 0; b += READ_BLOCKS)
            err = read_piece(r, &shard->runs[i], b);
    free(r->before);
    return err;
}

/* The file's identity was checked when it was opened. */
static int read_opened(struct vector_file *r)
{
    const struct bit_shard *shard = &r->w->shard;
    int err = check_header(r);

    if (err >= 0 && r->file->n_chunk_crc != (size_t)shard->blocks)
        err = bit_fail(BIT_ECORRUPT, "'%s': %zu checksums for %" PRId64 " chunks", r->path, r->file->n_chunk_crc,
                       shard->blocks);
    return err < 0 ? err : read_runs(r);
}

static int read_file(struct bit_worker *w, const char *dir, const Bit__Manifest *manifest, int which,
                     const Bit__InitFile *then)
{
    struct vector_file r = {
        .w = w,
        .file = find_file(manifest, bit_checkpoint_file_name(which)),
        .to = bit_optim_vector(&w->optim, which),
    };
    struct stat st;
    int err;

    if (snprintf(r.path, sizeof r.path, "%s/%s", dir, bit_checkpoint_file_name(which)) >= (int)sizeof r.path)
        return bit_fail(-ENAMETOOLONG, "'%s'", dir);
    if (r.file == NULL)
        return bit_fail(BIT_ECORRUPT, "'%s' is not in the manifest", r.path);
    r.fd = bit_regular_file_open(r.path, false, &st);
    if (r.fd < 0)
        return r.fd;
    err = then != NULL ? bit_init_file_check_same(r.path, &st, then) : 0;
    if (err >= 0)
        err = read_opened(&r);
    close(r.fd);
    return err;
}

static int check_digest(const char *dir, const Bit__Manifest *manifest)
{
    const Bit__ManifestFile *file = find_file(manifest, bit_checkpoint_file_name(BIT_CHECKPOINT_MODEL));

    if (file == NULL || bit_checkpoint_digest(file->chunk_crc, file->n_chunk_crc) != manifest->weights_digest)
        return bit_fail(BIT_ECORRUPT, "'%s/%s': the weights' digest is not that of their checksums", dir,
                        BIT_CHECKPOINT_MANIFEST);
    return 0;
}

/* then: the identity of the weights' file, or NULL. */
static int restore(struct bit_worker *w, const char *dir, const Bit__Manifest *manifest, bool moments,
                   const Bit__InitFile *then)
{
    int err = check_digest(dir, manifest);

    if (err >= 0)
        err = read_file(w, dir, manifest, BIT_CHECKPOINT_MODEL, then);
    if (err >= 0 && moments)
        err = read_file(w, dir, manifest, BIT_CHECKPOINT_EXP_AVG, NULL);
    if (err >= 0 && moments)
        err = read_file(w, dir, manifest, BIT_CHECKPOINT_EXP_AVG_SQ, NULL);
    return err;
}

/* Explains why the steps after this checkpoint may differ from those of the launch that wrote it. */
static void report_arithmetic(const struct bit_worker *w, const char *dir, const Bit__Manifest *manifest)
{
    char changed[BIT_ARITHMETIC_TEXT_MAX];

    bit_arithmetic_changes(&w->plan, manifest->arithmetic, changed);
    if (w->comm->rank == 0 && changed[0] != '\0')
        bit_warn("arithmetic changed", "checkpoint=%s written=%u now=%u changed=%s", dir, manifest->arithmetic,
                 BIT_ARITHMETIC, changed);
}

/* The identity of a file when the run was submitted; NULL if unknown. */
static const Bit__InitFile *file_then(const Bit__InitFacts *init, size_t which)
{
    return init != NULL && which < init->n_file ? init->file[which] : NULL;
}

/* The manifest has the weights' checksums, so it too must be the file that was examined. */
static int read_manifest(const char *dir, const Bit__InitFile *then, Bit__Manifest **out)
{
    char path[BIT_PATH_MAX];
    struct stat st;
    int fd, err;

    if (snprintf(path, sizeof path, "%s/%s", dir, BIT_CHECKPOINT_MANIFEST) >= (int)sizeof path)
        return bit_fail(-ENAMETOOLONG, "'%s'", dir);
    fd = bit_regular_file_open(path, false, &st);
    if (fd < 0)
        return fd;
    err = then != NULL ? bit_init_file_check_same(path, &st, then) : 0;
    if (err >= 0)
        err = bit_manifest_read_open(fd, path, out);
    close(fd);
    return err;
}

static int restore_agreed(struct bit_worker *w, const char *dir, bool whole, const Bit__InitFacts *init)
{
    Bit__Manifest *manifest = NULL;
    int err = read_manifest(dir, file_then(init, BIT_ORIGIN_MANIFEST), &manifest);

    if (err >= 0)
        err = restore(w, dir, manifest, whole, file_then(init, BIT_ORIGIN_MODEL));
    err = bit_comm_agree(w->comm, err);
    if (err >= 0 && whole) {
        const Bit__PhaseState *phase = manifest->phase;
        w->phase.precision = phase->precision;
        w->phase.switched_after = phase->switched_after;
        w->phase.optimizer_step = phase->optimizer_step;
        w->phase.beta1 = phase->beta1;
        w->phase.beta2 = phase->beta2;
        w->step = manifest->step;
        report_arithmetic(w, dir, manifest);
        if (manifest->has_products &&
            bit_product_set_parse(manifest->products.data, manifest->products.len, &w->products) < 0)
            bit_warn("products not taken", "checkpoint=%s why=\"%s\"", dir, bit_fail_text());
    }
    bit_publish_stale(&w->publish);
    bit_publish_forget_codes(&w->publish);
    bit_msg_free(manifest);
    return err;
}

int bit_ckpt_restore(struct bit_worker *worker, const char *dir)
{
    return restore_agreed(worker, dir, true, NULL);
}

int bit_ckpt_restore_weights(struct bit_worker *worker, const char *dir, const Bit__InitFacts *init)
{
    return restore_agreed(worker, dir, false, init);
}
