#include "proto/ckpt/checkpoint.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/full_io.h"
#include "proto/limits.h"

#define LINEARS_OF_BLOCK 4
#define READ_BYTES       (16 * BIT_CHECKPOINT_CHUNK)

_Static_assert(BYTE_ORDER == LITTLE_ENDIAN, "files hold numbers as memory does");

const char *bit_checkpoint_file_name(enum bit_checkpoint_file file)
{
    static const char *const names[BIT_CHECKPOINT_FILES_MAX] = {
        [BIT_CHECKPOINT_MODEL] = "model.safetensors",           [BIT_CHECKPOINT_EXP_AVG] = "exp_avg.safetensors",
        [BIT_CHECKPOINT_EXP_AVG_SQ] = "exp_avg_sq.safetensors", [BIT_CHECKPOINT_CONFIG] = "config.json",
        [BIT_CHECKPOINT_CODES] = "codes.safetensors",
    };

    BIT_ASSERT((unsigned)file < BIT_CHECKPOINT_FILES_MAX);
    return names[file];
}

Bit__Operands bit_checkpoint_type(const Bit__OptimizerSpec *optimizer, enum bit_checkpoint_file file)
{
    const bool is_moment = file == BIT_CHECKPOINT_EXP_AVG || file == BIT_CHECKPOINT_EXP_AVG_SQ;

    return is_moment ? optimizer->moments : BIT__OPERANDS__FP32;
}

size_t bit_checkpoint_bytes_of(Bit__Operands type)
{
    return type == BIT__OPERANDS__BF16 ? 2 : 4;
}

uint32_t bit_checkpoint_chunk_of(Bit__Operands type)
{
    return (uint32_t)(BIT_CHECKPOINT_CHUNK / 4 * bit_checkpoint_bytes_of(type));
}

/* Places tensors one after the other. */
struct layout {
    struct bit_tensor *tensors;
    int count;
    int64_t elements;
};

static struct bit_tensor *lay(struct layout *l, int64_t rows, int64_t cols)
{
    struct bit_tensor *t = &l->tensors[l->count++];

    *t = (struct bit_tensor){.rows = rows, .cols = cols, .offset = l->elements};
    l->elements += rows * cols;
    return t;
}

static void lay_block(struct layout *l, uint32_t block, int64_t width, int64_t hidden)
{
    const struct {
        const char *name;
        int64_t rows, cols;
    } linears[LINEARS_OF_BLOCK] = {
        {"att_proj", 3 * width, width},
        {"attn_out", width, width},
        {"ff_proj", 2 * hidden, width},
        {"ff_out", width, hidden},
    };

    for (int i = 0; i < LINEARS_OF_BLOCK; i++) {
        struct bit_tensor *t = lay(l, linears[i].rows, linears[i].cols);
        snprintf(t->name, sizeof t->name, "transformer.blocks.%u.%s.weight", block, linears[i].name);
    }
}

int bit_checkpoint_tensors(const Bit__ModelSpec *model, struct bit_tensor **out)
{
    int64_t width = model->width, vocab = model->vocab_padded;
    size_t most = 2 + (size_t)LINEARS_OF_BLOCK * model->layers;
    struct layout l = {.tensors = calloc(most, sizeof *l.tensors)};

    if (l.tensors == NULL)
        return bit_fail(-ENOMEM, "layout of %u layers", model->layers);
    strcpy(lay(&l, vocab, width)->name, "transformer.wte.weight");
    for (uint32_t block = 0; block < model->layers; block++)
        lay_block(&l, block, width, model->mlp_hidden);
    if (!model->tied)
        strcpy(lay(&l, vocab, width)->name, "transformer.ff_out.weight");
    *out = l.tensors;
    return l.count;
}

int64_t bit_checkpoint_elements(const struct bit_tensor *tensors, int count)
{
    const struct bit_tensor *last;

    if (count == 0)
        return 0;
    last = &tensors[count - 1];
    return last->offset + last->rows * last->cols;
}

int bit_tensor_is_linear(const struct bit_tensor *t)
{
    return strncmp(t->name, "transformer.blocks.", strlen("transformer.blocks.")) == 0;
}

static bool ends_with(const char *name, const char *end)
{
    const size_t bytes = strlen(name), of_end = strlen(end);

    return bytes >= of_end && strcmp(name + bytes - of_end, end) == 0;
}

int bit_tensor_projections(const struct bit_tensor *t)
{
    return ends_with(t->name, ".att_proj.weight") ? 3 : ends_with(t->name, ".ff_proj.weight") ? 2 : 1;
}

/* One file being compared with the manifest. */
struct verify {
    const Bit__ManifestFile *file;
    char path[BIT_PATH_MAX];
    int fd;
    uint8_t *buf; /* READ_BYTES */
    uint64_t at;  /* in the file */
    void (*progress)(void *arg, uint64_t done, uint64_t all);
    void *arg;
    uint64_t done, all; /* over all files */
};

static int read_next(struct verify *v, size_t bytes)
{
    size_t got;
    int err = bit_full_io_read_at(v->fd, v->buf, bytes, v->at, &got);

    if (err < 0)
        return bit_fail(err, "'%s' at byte %" PRIu64, v->path, v->at + got);
    if (got < bytes)
        return bit_fail(BIT_ECORRUPT, "'%s' ends at byte %" PRIu64 " of %" PRIu64, v->path, v->at + got,
                        v->file->bytes);
    v->at += bytes;
    v->done += bytes;
    if (v->progress != NULL)
        v->progress(v->arg, v->done, v->all);
    return 0;
}

static int verify_header(struct verify *v)
{
    uint32_t crc = 0;

    while (v->at < v->file->data_offset) {
        size_t bytes = (size_t)BIT_MIN(v->file->data_offset - v->at, (uint64_t)READ_BYTES);
        int err = read_next(v, bytes);
        if (err < 0)
            return err;
        crc = bit_crc32c(crc, v->buf, bytes);
    }
    if (crc != v->file->header_crc)
        return bit_fail(BIT_ECORRUPT, "'%s': the header, bytes 0 to %" PRIu64 ", does not match its checksum", v->path,
                        v->file->data_offset);
    return 0;
}

static int verify_chunks(struct verify *v)
{
    size_t chunk = 0;

    while (v->at < v->file->bytes) {
        uint64_t begin = v->at;
        size_t bytes = (size_t)BIT_MIN(v->file->bytes - begin, (uint64_t)READ_BYTES);
        int err = read_next(v, bytes);
        if (err < 0)
            return err;
        for (size_t i = 0; i < bytes; i += v->file->chunk_bytes, chunk++) {
            BIT_ASSERT(chunk < v->file->n_chunk_crc);
            size_t of_chunk = BIT_MIN(bytes - i, (size_t)v->file->chunk_bytes);
            if (bit_crc32c(0, v->buf + i, of_chunk) != v->file->chunk_crc[chunk])
                return bit_fail(BIT_ECORRUPT,
                                "'%s': chunk %zu, %zu bytes from byte %" PRIu64 ", does not match its checksum",
                                v->path, chunk, of_chunk, begin + i);
        }
    }
    return 0;
}

static int verify_open_file(struct verify *v)
{
    struct stat st;
    int err;

    if (fstat(v->fd, &st) < 0)
        return bit_fail(-errno, "'%s'", v->path);
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != v->file->bytes)
        return bit_fail(BIT_ECORRUPT, "'%s' has %" PRIu64 " bytes; its manifest says %" PRIu64, v->path,
                        (uint64_t)st.st_size, v->file->bytes);
    (void)posix_fadvise(v->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    err = verify_header(v);
    return err < 0 ? err : verify_chunks(v);
}

static int verify_file(struct verify *v, const char *dir, const Bit__ManifestFile *file)
{
    int err;

    if ((size_t)snprintf(v->path, sizeof v->path, "%s/%s", dir, file->name) >= sizeof v->path)
        return bit_fail(-ENAMETOOLONG, "'%s'", dir);
    v->fd = open(v->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (v->fd < 0 && errno == ENOENT)
        return bit_fail(BIT_ECORRUPT, "'%s' is missing", v->path);
    if (v->fd < 0)
        return bit_fail(-errno, "'%s'", v->path);
    v->file = file;
    v->at = 0;
    err = verify_open_file(v);
    close(v->fd);
    return err;
}

int bit_checkpoint_verify(const char *dir, const Bit__Manifest *manifest,
                          void (*progress)(void *arg, uint64_t done, uint64_t all), void *arg)
{
    struct verify v = {.progress = progress, .arg = arg, .buf = malloc(READ_BYTES)};
    int err = 0;

    if (v.buf == NULL)
        return bit_fail(-ENOMEM, "verifying '%s'", dir);
    for (size_t i = 0; i < manifest->n_file; i++)
        v.all += manifest->file[i]->bytes;
    for (size_t i = 0; i < manifest->n_file && err == 0; i++)
        err = verify_file(&v, dir, manifest->file[i]);
    free(v.buf);
    return err;
}

uint64_t bit_checkpoint_digest(const uint32_t *chunk_crc, size_t chunks)
{
    return XXH3_64bits(chunk_crc, chunks * sizeof *chunk_crc);
}

uint64_t bit_checkpoint_join_digests(uint64_t exp_avg, uint64_t exp_avg_sq)
{
    const uint32_t words[4] = {(uint32_t)exp_avg, (uint32_t)(exp_avg >> 32), (uint32_t)exp_avg_sq,
                               (uint32_t)(exp_avg_sq >> 32)};

    return bit_checkpoint_digest(words, BIT_COUNT(words));
}

static uint64_t digest_of_file(const Bit__Manifest *manifest, enum bit_checkpoint_file which)
{
    const Bit__ManifestFile *file = manifest->file[which];

    return bit_checkpoint_digest(file->chunk_crc, file->n_chunk_crc);
}

uint64_t bit_checkpoint_moments_digest(const Bit__Manifest *manifest)
{
    return bit_checkpoint_join_digests(digest_of_file(manifest, BIT_CHECKPOINT_EXP_AVG),
                                       digest_of_file(manifest, BIT_CHECKPOINT_EXP_AVG_SQ));
}

void bit_checkpoint_name(uint64_t step, char out[32])
{
    snprintf(out, 32, "step-%08" PRIu64, step);
}

int64_t bit_checkpoint_step(const char *name)
{
    unsigned long long step;
    char canonical[32];

    /* At most 20 digits; the name must be exactly as bit_checkpoint_name prints it. */
    if (sscanf(name, "step-%20llu", &step) != 1 || step > BIT_STEPS_MAX)
        return -1;
    bit_checkpoint_name(step, canonical);
    return strcmp(name, canonical) == 0 ? (int64_t)step : -1;
}
