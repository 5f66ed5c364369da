/* Weights from somebody else's safetensors file. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/ckpt/init_file.h"
#include "proto/err.h"
#include "proto/regular_file.h"
#include "worker/ckpt/ckpt.h"
#include "worker/ckpt/ckpt_io.h"
#include "worker/ranks/worker_state.h"

#define ELEMENTS_AT_ONCE 65536

static float half_to_f32(uint16_t h)
{
    const int exponent = h >> 10 & 31, fraction = h & 1023;
    float v;

    if (exponent == 31)
        v = fraction == 0 ? INFINITY : NAN;
    else if (exponent == 0)
        v = ldexpf((float)fraction, -24);
    else
        v = ldexpf((float)(fraction + 1024), exponent - 25);
    return h & 0x8000 ? -v : v;
}

static float f32_from_bits(uint32_t bits)
{
    float v;

    memcpy(&v, &bits, sizeof v);
    return v;
}

/* How the file writes one element. */
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
    return half_to_f32((uint16_t)(p[0] | p[1] << 8));
}

static const struct source_dtype dtypes[] = {{"F32", 4, from_f32}, {"BF16", 2, from_bf16}, {"F16", 2, from_f16}};

static const struct source_dtype *find_dtype(const char *name)
{
    for (size_t i = 0; i < BIT_COUNT(dtypes); i++)
        if (strcmp(dtypes[i].name, name) == 0)
            return &dtypes[i];
    return NULL;
}

/* Elements [at, at + count) of a tensor, through a buffer of one run. */
static int read_run(int fd, const char *path, const struct bit_tensor *tensor, const struct source_dtype *dtype,
                    uint64_t offset, int64_t count, uint8_t *buffer, float *out)
{
    int err = bit_io_pread(fd, path, buffer, (size_t)count * dtype->bytes, offset);

    for (int64_t i = 0; i < count && err >= 0; i++) {
        out[i] = dtype->to_f32(buffer + (size_t)i * dtype->bytes);
        if (!isfinite(out[i]))
            err = bit_fail(BIT_ENUMERIC, "'%s': tensor '%s' at offset %" PRIu64, path, tensor->name,
                           offset + (uint64_t)i * dtype->bytes);
    }
    return err;
}

static int read_tensor(struct bit_worker *w, int fd, const char *path, const struct bit_safetensors *file,
                       const struct bit_tensor *tensor, uint8_t *buffer)
{
    const struct bit_safetensors_entry *entry = bit_safetensors_find(file, tensor->name);
    int64_t count,
        first = bit_shard_part(&w->shard, tensor->offset, tensor->offset + tensor->rows * tensor->cols, &count);
    int err = bit_init_file_check_entry(path, tensor, entry);

    for (int64_t at = 0; at < count && err >= 0; at += ELEMENTS_AT_ONCE) {
        const struct source_dtype *dtype = find_dtype(entry->dtype);
        uint64_t offset = file->data_offset + entry->begin + (uint64_t)(first - tensor->offset + at) * dtype->bytes;
        const int64_t run = BIT_MIN(ELEMENTS_AT_ONCE, count - at);
        float *master = w->optim.master + (first - w->shard.begin + at);
        err = read_run(fd, path, tensor, dtype, offset, run, buffer, bit_host_view_write(&w->optim.view, master, run));
        if (err >= 0)
            err = bit_host_view_commit(&w->optim.view, master, run);
    }
    return err;
}

static int read_tensors(struct bit_worker *w, int fd, const char *path)
{
    struct bit_safetensors file = {0};
    uint8_t *buffer = malloc(ELEMENTS_AT_ONCE * sizeof(float));
    int err = buffer == NULL ? bit_fail(-ENOMEM, "a buffer for '%s'", path) : bit_safetensors_read(fd, path, &file);

    for (int t = 0; t < w->plan.tensor_count && err >= 0; t++)
        err = read_tensor(w, fd, path, &file, &w->plan.tensors[t], buffer);
    bit_safetensors_finish(&file);
    free(buffer);
    return err;
}

static int open_and_read(struct bit_worker *w, const char *path, const Bit__InitFile *then)
{
    struct stat st;
    int fd = bit_regular_file_open(path, true, &st);
    int err = fd < 0 || then == NULL ? BIT_MIN(fd, 0) : bit_init_file_check_same(path, &st, then);

    if (err >= 0)
        err = read_tensors(w, fd, path);
    if (fd >= 0)
        close(fd);
    return err;
}

int bit_ckpt_import(struct bit_worker *worker, const char *path, const Bit__InitFile *then)
{
    int err = open_and_read(worker, path, then);

    bit_publish_stale(&worker->publish);
    return bit_comm_agree(worker->comm, err);
}
