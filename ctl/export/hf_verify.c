/* Reads the safetensors files with the reader used for foreign files, and compares them with the checkpoint. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/export/export.h"
#include "ctl/export/hf_layout.h"
#include "ctl/export/hf_weights.h"
#include "ctl/export/load.h"
#include "ctl/export/numbers.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/full_io.h"

struct reader {
    struct bit_export *e;
    struct bit_hf_files files;
    struct bit_safetensors header; /* of the open file */
    int fd;
    char name[64];
    int held; /* index of our tensor that is in e->weights; -1: none */
    struct bit_ternary ternary;
    uint8_t *buffer;
};

static int differs(const struct reader *r, const struct bit_hf_tensor *tensor, int64_t at)
{
    return bit_fail(BIT_ECORRUPT, "'%s/%s', read again: tensor '%s' is not the checkpoint's at element %" PRId64,
                    r->e->output.partial, r->name, tensor->name, at);
}

static int read_bytes(const struct reader *r, uint64_t at, size_t bytes)
{
    size_t got;
    int err = bit_full_io_read_at(r->fd, r->buffer, bytes, at, &got);

    if (err == 0 && got < bytes)
        err = BIT_ECORRUPT;
    return err < 0 ? bit_fail(err, "reading '%s/%s' again", r->e->output.partial, r->name) : 0;
}

static int compare_numbers(const struct reader *r, const struct bit_hf_tensor *tensor, uint64_t begin)
{
    const float *want = r->e->weights + tensor->row * tensor->cols;
    const size_t each = bit_numbers_bytes(r->e->type);
    const int64_t count = tensor->rows * tensor->cols;

    for (int64_t at = 0; at < count; at += BIT_NUMBERS_AT_ONCE) {
        const int64_t run = BIT_MIN(count - at, (int64_t)BIT_NUMBERS_AT_ONCE);
        int err = read_bytes(r, begin + (uint64_t)at * each, (size_t)run * each);
        if (err < 0)
            return err;
        const int64_t good = bit_numbers_compare(r->e->type, want + at, run, r->buffer);
        if (good < run)
            return differs(r, tensor, at + good);
    }
    return 0;
}

/* Row r of the matrix is in bit pair r / (rows / 4) of packed row r % (rows / 4), as the format defines. */
static int compare_codes(const struct reader *r, const struct bit_hf_tensor *tensor, uint64_t begin)
{
    const int8_t *want = r->e->codes + tensor->row * tensor->cols;
    const int64_t packed_rows = tensor->rows / 4;

    for (int64_t p = 0; p < packed_rows; p++) {
        int err = read_bytes(r, begin + (uint64_t)(p * tensor->cols), (size_t)tensor->cols);
        if (err < 0)
            return err;
        for (int64_t row = p; row < tensor->rows; row += packed_rows)
            for (int64_t c = 0; c < tensor->cols; c++)
                if ((r->buffer[c] >> 2 * (row / packed_rows) & 3) - 1 != want[row * tensor->cols + c])
                    return differs(r, tensor, row * tensor->cols + c);
    }
    return 0;
}

static int compare_floats(const struct reader *r, const struct bit_hf_tensor *tensor, uint64_t begin, int64_t count,
                          float want)
{
    int err = read_bytes(r, begin, (size_t)count * sizeof want);

    for (int64_t i = 0; i < count && err >= 0; i++)
        if (memcmp(r->buffer + (size_t)i * sizeof want, &want, sizeof want) != 0)
            err = differs(r, tensor, i);
    return err;
}

static int compare_data(const struct reader *r, const struct bit_hf_tensor *tensor, uint64_t begin)
{
    switch (tensor->part) {
    case BIT_HF_CODES:
        return compare_codes(r, tensor, begin);
    case BIT_HF_SCALE:
        return compare_floats(r, tensor, begin, 1, bit_ternary_scale(&r->ternary, tensor->projection));
    case BIT_HF_ONES:
        return compare_floats(r, tensor, begin, tensor->cols, 1);
    default:
        return compare_numbers(r, tensor, begin);
    }
}

static bool has_shape(const struct bit_safetensors_entry *entry, const struct bit_hf_tensor *tensor)
{
    int64_t shape[2];
    const int dims = bit_hf_tensor_shape(tensor, shape);

    return entry->dims == dims && entry->shape[0] == shape[0] && (dims == 1 || entry->shape[1] == shape[1]);
}

static int compare_tensor(struct reader *r, const struct bit_hf_tensor *tensor)
{
    const struct bit_safetensors_entry *entry = bit_safetensors_find(&r->header, tensor->name);
    int err = 0;

    if (entry == NULL || strcmp(entry->dtype, bit_hf_tensor_dtype(tensor, r->e->type)) != 0 ||
        !has_shape(entry, tensor))
        return bit_fail(BIT_ECORRUPT, "'%s/%s', read again, has no tensor '%s' of its type and shape",
                        r->e->output.partial, r->name, tensor->name);
    if (r->held != tensor->source)
        err = bit_load_tensor(r->e, tensor->source, &r->ternary);
    r->held = err < 0 ? -1 : tensor->source;
    return err < 0 ? err : compare_data(r, tensor, r->header.data_offset + entry->begin);
}

static int compare_file(struct reader *r, int file)
{
    const int count = r->files.starts[file + 1] - r->files.starts[file];
    int err = bit_safetensors_read(r->fd, r->name, &r->header);

    if (err >= 0 && r->header.count != (size_t)count)
        err = bit_fail(BIT_ECORRUPT, "'%s/%s', read again, has %zu tensors, not %d", r->e->output.partial, r->name,
                       r->header.count, count);
    for (int t = r->files.starts[file]; t < r->files.starts[file + 1] && err >= 0; t++) {
        const struct bit_hf_tensor *tensor = &r->files.tensors[t];
        err = compare_tensor(r, tensor);
        if (err >= 0 && (tensor->part == BIT_HF_WEIGHT || tensor->part == BIT_HF_CODES))
            bit_load_progress(r->e, tensor->rows * tensor->cols);
    }
    bit_safetensors_finish(&r->header);
    return err;
}

static int open_and_compare(struct reader *r, int file)
{
    int err;

    bit_hf_files_name(&r->files, file, r->name);
    r->fd = bit_output_read(&r->e->output, r->name);
    if (r->fd < 0)
        return r->fd;
    err = compare_file(r, file);
    close(r->fd);
    return err;
}

int bit_hf_weights_verify(struct bit_export *e)
{
    struct reader r = {.e = e, .held = -1};
    int err = bit_hf_layout(e, &r.files);

    r.buffer = malloc(BIT_HF_BUFFER_BYTES);
    if (err >= 0 && r.buffer == NULL)
        err = bit_fail(-ENOMEM, "reading a tensor again");
    for (int file = 0; file < r.files.files && err >= 0; file++)
        err = open_and_compare(&r, file);
    free(r.buffer);
    bit_hf_files_finish(&r.files);
    return err;
}
