#include "worker/ckpt/ckpt_codes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/pack_codes.h"
#include "kernels/ternarise.h"
#include "proto/check.h"
#include "proto/ckpt/codes_file.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "worker/ckpt/ckpt_io.h"
#include "worker/ranks/worker_state.h"

#define CODES_AT_ONCE 16384

/* ---- checksums: a chunk's is joined from those of its blocks, which may be on different ranks */

/* A range of the packed codes within one block and one chunk. */
struct piece {
    int64_t bytes, block, chunk;
    int which; /* index of the two pieces of a block that crosses a border of chunks */
};

static struct piece piece_at(const struct bit_ckpt_codes *c, int64_t at)
{
    const struct bit_shard *shard = &c->worker->shard;
    const int64_t block = (shard->linear_begin + at * 4) / BIT_LAYOUT_BLOCK,
                  begin = BIT_MAX((block * BIT_LAYOUT_BLOCK - shard->linear_begin) / 4, 0),
                  end = BIT_MIN(((block + 1) * BIT_LAYOUT_BLOCK - shard->linear_begin) / 4,
                                c->worker->plan.linear_elements / 4),
                  chunk = at / BIT_CHECKPOINT_CHUNK, chunk_end = (chunk + 1) * (int64_t)BIT_CHECKPOINT_CHUNK;

    return (struct piece){BIT_MIN(end, chunk_end) - at, block, chunk, begin / BIT_CHECKPOINT_CHUNK != chunk};
}

static int measure(struct bit_ckpt_codes *c)
{
    const struct bit_worker *w = c->worker;
    uint8_t *head = NULL;
    size_t scales_at;
    int err = bit_codes_file_begin(w->plan.tensors, w->plan.tensor_count, w->spec->quantizer->granularity, NULL, &head,
                                   &scales_at, &c->head_bytes);

    free(head);
    c->file_bytes = c->head_bytes + (uint64_t)w->plan.linear_elements / 4;
    return err;
}

static int allocate(struct bit_ckpt_codes *c)
{
    const struct bit_worker *w = c->worker;

    c->chunks = (size_t)((w->plan.linear_elements / 4 + BIT_CHECKPOINT_CHUNK - 1) / BIT_CHECKPOINT_CHUNK);
    c->scale = calloc((size_t)w->publish.scales.count, sizeof *c->scale);
    c->crc = calloc((size_t)w->shard.blocks, sizeof *c->crc);
    c->chunk_crc = calloc(c->chunks, sizeof *c->chunk_crc);
    c->packed = malloc(BIT_HOST_VIEW_ELEMENTS / 4);
    if (c->scale == NULL || c->crc == NULL || c->chunk_crc == NULL || c->packed == NULL)
        return bit_fail(-ENOMEM, "codes of a checkpoint");
    return measure(c);
}

int bit_ckpt_codes_init(struct bit_ckpt_codes *c, struct bit_worker *worker)
{
    *c = (struct bit_ckpt_codes){0};
    if (!worker->spec->checkpoint->codes)
        return 0;
    c->worker = worker;
    return allocate(c);
}

void bit_ckpt_codes_finish(struct bit_ckpt_codes *c)
{
    free(c->scale);
    free(c->crc);
    free(c->chunk_crc);
    free(c->packed);
    *c = (struct bit_ckpt_codes){0};
}

/* ---- begin */

int bit_ckpt_codes_begin(struct bit_ckpt_codes *c)
{
    struct bit_worker *w = c->worker;

    c->wanted = w != NULL && w->phase.precision == BIT__PRECISION__TERNARY;
    if (!c->wanted)
        return 0;
    memset(c->crc, 0, (size_t)w->shard.blocks * sizeof *c->crc);
    struct bit_exec *exec = &w->model->exec;
    /* The model's scales are overwritten: with the same values, or with ones that publishing computes anew before they
     * are used. */
    int err = bit_weight_scales_find(&w->publish.scales, &w->fabric, w->optim.master, w->model->scales);
    if (err >= 0)
        err = bit_exec_copy(exec, c->scale, w->model->scales, (size_t)w->publish.scales.count * sizeof *c->scale);
    return err < 0 ? err : bit_exec_wait(exec);
}

int bit_ckpt_codes_create(struct bit_ckpt_codes *c, const char *path, const char *metadata)
{
    const struct bit_worker *w = c->worker;
    uint8_t *head = NULL;
    size_t scales_at, bytes;
    int err = bit_codes_file_begin(w->plan.tensors, w->plan.tensor_count, w->spec->quantizer->granularity, metadata,
                                   &head, &scales_at, &bytes);

    if (err < 0)
        return err;
    BIT_ASSERT(bytes == c->head_bytes && bytes - scales_at == (size_t)w->publish.scales.count * sizeof *c->scale);
    memcpy(head + scales_at, c->scale, bytes - scales_at);
    c->head_crc = bit_crc32c(0, head, bytes);
    err = bit_io_create(path, head, bytes, c->file_bytes);
    free(head);
    return err;
}

/* ---- writing */

/* Ternarises and packs weights of one segment, CODES_AT_ONCE at most. */
static int ternarise(const float *weights, int64_t count, const float *scale, uint8_t *packed)
{
    int8_t codes[CODES_AT_ONCE];
    const struct bit_ternarise_args args = {
        .count = count, .w = weights, .scale = scale, .strength = 1, .codes = codes};
    int err = bit_ternarise_ref(NULL, &args);

    if (err >= 0)
        bit_pack_codes_host(codes, count, packed);
    return err;
}

static int ternarise_range(struct bit_ckpt_codes *c, const float *weights, int64_t begin, int64_t end)
{
    const struct bit_weight_scales *scales = &c->worker->publish.scales;
    int err = 0;

    for (int i = 0; i < scales->count && err >= 0; i++) {
        const struct bit_segment_range *range = &scales->ranges[i];
        const int64_t first = BIT_MAX(range->begin, begin), last = BIT_MIN(range->end, end);
        for (int64_t at = first; at < last && err >= 0; at += CODES_AT_ONCE)
            err = ternarise(weights + (at - begin), BIT_MIN(CODES_AT_ONCE, last - at), &c->scale[i],
                            c->packed + (at - begin) / 4);
    }
    return err;
}

/* Adds bytes [at, at + bytes) of the packed codes to their checksums. */
static void checksum(struct bit_ckpt_codes *c, int64_t at, int64_t bytes)
{
    const uint8_t *data = c->packed;

    while (bytes > 0) {
        const struct piece piece = piece_at(c, at);
        const int64_t part = BIT_MIN(bytes, piece.bytes);
        uint32_t *crc = &c->crc[piece.block][piece.which];
        *crc = bit_crc32c(*crc, data, (size_t)part);
        data += part;
        at += part;
        bytes -= part;
    }
}

int bit_ckpt_codes_write(struct bit_ckpt_codes *c, int fd, const char *path, const float *master, int64_t first,
                         int64_t count)
{
    const struct bit_shard *shard = &c->worker->shard;
    const int64_t begin = BIT_MAX(first, shard->linear_begin), end = BIT_MIN(first + count, shard->linear_end);

    if (begin >= end)
        return 0;
    const int64_t at = (begin - shard->linear_begin) / 4, bytes = (end - begin) / 4;
    int err = ternarise_range(c, master + (begin - first), begin, end);
    if (err < 0)
        return err;
    checksum(c, at, bytes);
    return fd < 0 ? 0 : bit_io_pwrite(fd, path, c->packed, (size_t)bytes, c->head_bytes + (uint64_t)at);
}

/* ---- end */

static void join_pieces(struct bit_ckpt_codes *c)
{
    const int64_t bytes = c->worker->plan.linear_elements / 4;

    memset(c->chunk_crc, 0, c->chunks * sizeof *c->chunk_crc);
    for (int64_t at = 0; at < bytes;) {
        const struct piece piece = piece_at(c, at);
        c->chunk_crc[piece.chunk] = bit_crc32c_join(c->chunk_crc[piece.chunk], c->crc[piece.block][piece.which],
                                                    (uint64_t)piece.bytes);
        at += piece.bytes;
    }
}

void bit_ckpt_codes_gather(struct bit_ckpt_codes *c)
{
    if (!c->wanted)
        return;
    bit_shard_gather(&c->worker->shard, c->worker->comm, c->crc, sizeof *c->crc);
    join_pieces(c);
}

void bit_ckpt_codes_describe(const struct bit_ckpt_codes *c, Bit__ManifestFile *out)
{
    bit__manifest_file__init(out);
    out->name = bit_lend(bit_checkpoint_file_name(BIT_CHECKPOINT_CODES));
    out->bytes = c->file_bytes;
    out->header_crc = c->head_crc;
    out->data_offset = c->head_bytes;
    out->n_chunk_crc = c->chunks;
    out->chunk_crc = c->chunk_crc;
}
