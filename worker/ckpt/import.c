/* Imports weights from other writers' safetensors files, with their tensor names: each rank reads what it owns. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/ckpt/init_file.h"
#include "proto/ckpt/origin.h"
#include "proto/ckpt/weight_files.h"
#include "proto/err.h"
#include "proto/half.h"
#include "proto/regular_file.h"
#include "worker/ckpt/ckpt.h"
#include "worker/ckpt/ckpt_io.h"
#include "worker/ranks/worker_state.h"

#define ELEMENTS_AT_ONCE 65536

static float f32_from_bits(uint32_t bits)
{
    float v;

    memcpy(&v, &bits, sizeof v);
    return v;
}

/* An element type of the files. */
struct source_dtype {
    const char *name;
    size_t bytes;
    float (*to_f32)(const uint8_t *from);
};

static float from_f32(const uint8_t *p)
{
    return f32_from_bits((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
}

static float from_bf16(const uint8_t *p)
{
    return bit_bf16_to_f32((bit_bf16)(p[0] | p[1] << 8));
}

static float from_f16(const uint8_t *p)
{
    return bit_half_value((uint16_t)(p[0] | p[1] << 8));
}

static const struct source_dtype dtypes[] = {{"F32", 4, from_f32}, {"BF16", 2, from_bf16}, {"F16", 2, from_f16}};

static const struct source_dtype *find_dtype(const char *name)
{
    for (size_t i = 0; i < BIT_COUNT(dtypes); i++)
        if (strcmp(dtypes[i].name, name) == 0)
            return &dtypes[i];
    return NULL;
}

/* Reads `count` elements through a buffer of ELEMENTS_AT_ONCE. */
static int read_run(const struct bit_weight *weight, int64_t at, int64_t count, uint8_t *buffer, float *out)
{
    const struct source_dtype *dtype = find_dtype(weight->entry->dtype);
    const struct bit_weight_file *file = weight->file;
    const uint64_t offset = file->header.data_offset + weight->entry->begin + (uint64_t)at * dtype->bytes;
    int err = bit_io_pread(file->fd, file->path, buffer, (size_t)count * dtype->bytes, offset);

    for (int64_t i = 0; i < count && err >= 0; i++) {
        out[i] = dtype->to_f32(buffer + (size_t)i * dtype->bytes);
        if (!isfinite(out[i]))
            err = bit_fail(BIT_ENUMERIC, "'%s': tensor '%s' is %s at offset %" PRIu64 "%s", file->path,
                           weight->entry->name, isnan(out[i]) ? "NaN" : "infinite", offset + (uint64_t)i * dtype->bytes,
                           isinf(out[i]) && strcmp(dtype->name, "F16") == 0
                               ? " (F16 ends at 65504: take the file in BF16 or F32)"
                               : "");
    }
    return err;
}

/* Reads elements from `at` on of the file's tensor to this rank's part `own`. */
static int read_own(struct bit_worker *w, const struct bit_weight *weight, int64_t at, const struct bit_shard_part *own,
                    uint8_t *buffer)
{
    int err = 0;

    for (int64_t done = 0; done < own->count && err >= 0; done += ELEMENTS_AT_ONCE) {
        const int64_t run = BIT_MIN(ELEMENTS_AT_ONCE, own->count - done);
        float *master = w->optim.master + own->at + done;
        const size_t bytes = (size_t)run * sizeof *master;
        err = read_run(weight, at + done, run, buffer, bit_host_view_write(&w->optim.view, master, bytes));
        if (err >= 0)
            err = bit_host_view_commit(&w->optim.view, master, bytes);
    }
    return err;
}

/* Reads this rank's elements of one of the file's tensors that make up ours. */
static int read_part(struct bit_worker *w, const struct bit_weight_files *files, const struct bit_tensor *tensor,
                     const struct bit_tensor_part *part, uint8_t *buffer)
{
    const int64_t begin = tensor->offset + part->row * tensor->cols;
    struct bit_shard_part own = {0};
    int err = bit_weight_files_check(files, tensor, part);

    while (err >= 0 && bit_shard_next(&w->shard, begin, begin + part->rows * tensor->cols, &own))
        err = read_own(w, bit_weight_files_find(files, part->name), own.begin - begin, &own, buffer);
    return err;
}

static int read_tensors(struct bit_worker *w, const struct bit_weight_files *files)
{
    uint8_t *buffer = malloc(ELEMENTS_AT_ONCE * sizeof(float));
    int err = buffer == NULL ? bit_fail(-ENOMEM, "a buffer for weights") : 0;

    for (int t = 0; t < w->plan.tensor_count && err >= 0; t++) {
        struct bit_tensor_part part[BIT_NAMES_PARTS_MAX];
        const int parts = bit_tensor_names_parts(files->names, &w->plan.tensors[t], part);
        for (int p = 0; p < parts && err >= 0; p++)
            err = read_part(w, files, &w->plan.tensors[t], &part[p], buffer);
    }
    free(buffer);
    return err;
}

static int add_file(const struct bit_origin *origin, size_t i, const Bit__InitFacts *then,
                    struct bit_weight_files *files)
{
    char path[BIT_PATH_MAX];
    struct stat st;
    int err = bit_origin_path(origin, i, path);
    int fd = err < 0 ? err : bit_regular_file_open(path, true, &st);

    if (fd < 0)
        return fd;
    if (then != NULL && bit_init_file_check_same(path, &st, then->file[i]) < 0) {
        close(fd);
        return BIT_EDATA;
    }
    return bit_weight_files_add(files, fd, path);
}

static int open_and_read(struct bit_worker *w, const struct bit_origin *origin, const Bit__InitFacts *then)
{
    struct bit_weight_files *files = calloc(1, sizeof *files);
    int err = files == NULL ? bit_fail(-ENOMEM, "the files of a model") : 0;

    for (size_t i = 0; i < origin->count && err >= 0; i++)
        err = add_file(origin, i, then, files);
    if (err >= 0)
        err = bit_weight_files_settle(files);
    if (err >= 0)
        err = read_tensors(w, files);
    if (files != NULL)
        bit_weight_files_finish(files);
    free(files);
    return err;
}

int bit_ckpt_import(struct bit_worker *worker, const struct bit_origin *origin, const Bit__InitFacts *then)
{
    int err = open_and_read(worker, origin, then);

    bit_publish_stale(&worker->publish);
    return bit_comm_agree(worker->comm, err);
}
