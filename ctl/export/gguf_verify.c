/*
 * Opens a GGUF file that was written and compares it with the checkpoint: the position of each tensor, and each code,
 * scale and number.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/export/export.h"
#include "ctl/export/gguf.h"
#include "ctl/export/gguf_read.h"
#include "ctl/export/gguf_tensors.h"
#include "ctl/export/load.h"
#include "ctl/export/numbers.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/full_io.h"
#include "proto/half.h"

struct reader {
    struct bit_export *e;
    struct bit_gguf_tensors list; /* expected */
    struct bit_gguf file;         /* as read */
    int fd;
    uint8_t *bytes; /* bytes of one row; the next two members are for a row too */
    int8_t *codes;
    uint16_t *scales; /* of its blocks */
    float *row;
};

static int differs(const struct bit_gguf_tensor *t, int64_t row, const char *what)
{
    return bit_fail(BIT_ECORRUPT, "'%s' of the file that was written, row %" PRId64 ": %s other than the checkpoint's",
                    t->name, row, what);
}

static int read_row(const struct reader *r, const struct bit_gguf_tensor *t, int64_t row)
{
    const size_t bytes = bit_gguf_row_bytes(t);
    const uint64_t at = r->file.head_bytes + t->offset + (uint64_t)row * bytes;
    size_t got;
    int err = bit_full_io_read_at(r->fd, r->bytes, bytes, at, &got);

    if (err == 0 && got < bytes)
        err = BIT_ECORRUPT;
    return err < 0 ? bit_fail(err, "'" BIT_GGUF_FILE "' at byte %" PRIu64, at + got) : 0;
}

static int compare_codes(const struct reader *r, const struct bit_gguf_tensor *t, int64_t row, int64_t at, float scale)
{
    const uint16_t half = bit_half_of(scale);

    if (!bit_gguf_unpack(t->layout, r->bytes, t->cols, r->codes, r->scales) ||
        memcmp(r->codes, r->e->codes + at, (size_t)t->cols) != 0)
        return differs(t, row, "a code");
    for (int64_t b = 0; b < t->cols / t->layout->block; b++)
        if (r->scales[b] != half)
            return differs(t, row, "a scale");
    return 0;
}

static int compare_numbers(const struct reader *r, const struct bit_gguf_tensor *t, int64_t row, int64_t at,
                           float scale)
{
    const enum bit_number_type type = t->layout->type == BIT_GGUF_F32   ? BIT_NUMBERS_F32
                                      : t->layout->type == BIT_GGUF_F16 ? BIT_NUMBERS_F16
                                                                        : BIT_NUMBERS_BF16;
    const float *values = r->e->weights + at;

    for (int64_t c = 0; scale > 0 && c < t->cols; c++)
        r->row[c] = (float)r->e->codes[at + c] * scale;
    values = scale > 0 ? r->row : values;
    return bit_numbers_compare(type, values, t->cols, r->bytes) == t->cols ? 0 : differs(t, row, "a number");
}

static int compare_tensor(const struct reader *r, int i, const struct bit_ternary *codes)
{
    const struct bit_gguf_tensor *t = &r->file.tensors[i];
    const struct bit_gguf_part *part = &r->list.parts[i];
    const float scale = codes->segments == 0 ? 0 : 1 / bit_ternary_scale(codes, part->projection);
    int err = 0;

    for (int64_t row = 0; row < t->rows && err >= 0; row++) {
        const int64_t at = bit_gguf_part_row(part, row) * t->cols;
        err = read_row(r, t, row);
        if (err >= 0)
            err = t->layout->ternary ? compare_codes(r, t, row, at, scale) : compare_numbers(r, t, row, at, scale);
    }
    return err;
}

static int compare_head(const struct reader *r)
{
    const struct bit_gguf_pair *rows = bit_gguf_find_pair(&r->file, "olmo.vocab_size");
    const struct bit_gguf_pair *tokens = bit_gguf_find_pair(&r->file, "tokenizer.ggml.tokens");
    bool good = r->file.tensor_count == r->list.count && rows != NULL && rows->value_bytes == sizeof(uint32_t) &&
                (tokens != NULL) == (r->e->options->tokenizer != NULL) &&
                (tokens == NULL || tokens->count == r->e->source.manifest->spec->model->vocab_padded);

    for (int i = 0; good && i < r->list.count; i++) {
        const struct bit_gguf_tensor *is = &r->file.tensors[i], *want = &r->list.tensors[i];
        good = strcmp(is->name, want->name) == 0 && is->layout == want->layout && is->rows == want->rows &&
               is->cols == want->cols && is->offset == want->offset;
    }
    return good ? 0 : bit_fail(BIT_ECORRUPT, "'" BIT_GGUF_FILE "' that was written has other tensors than the model");
}

static int compare_data(const struct reader *r)
{
    struct bit_ternary codes;
    int at = -1, err = 0;

    for (int i = 0; i < r->list.count && err >= 0; i++) {
        const int source = r->list.parts[i].source;
        if (source != at)
            err = bit_load_tensor(r->e, source, &codes);
        at = source;
        if (err >= 0)
            err = compare_tensor(r, i, &codes);
        if (err >= 0)
            bit_load_progress(r->e, r->list.tensors[i].rows * r->list.tensors[i].cols);
    }
    return err;
}

static int allocate(struct reader *r)
{
    size_t cols = 0;

    for (int t = 0; t < r->e->source.count; t++)
        cols = BIT_MAX(cols, (size_t)r->e->source.tensors[t].cols);
    r->bytes = malloc(cols * sizeof(float));
    r->codes = malloc(cols);
    r->scales = malloc(cols * sizeof *r->scales);
    r->row = malloc(cols * sizeof *r->row);
    return r->bytes == NULL || r->codes == NULL || r->scales == NULL || r->row == NULL
               ? bit_fail(-ENOMEM, "a row of %zu elements", cols)
               : 0;
}

int bit_gguf_verify(struct bit_export *e)
{
    struct reader r = {.e = e, .fd = bit_output_read(&e->output, BIT_GGUF_FILE)};
    int err = r.fd < 0 ? r.fd : bit_gguf_tensors_init(&r.list, e);

    if (err >= 0)
        err = bit_gguf_read(r.fd, BIT_GGUF_FILE, &r.file);
    if (err >= 0)
        err = compare_head(&r);
    if (err >= 0)
        err = allocate(&r);
    if (err >= 0)
        err = compare_data(&r);
    free(r.bytes);
    free(r.codes);
    free(r.scales);
    free(r.row);
    bit_gguf_finish(&r.file);
    bit_gguf_tensors_finish(&r.list);
    if (r.fd >= 0)
        close(r.fd);
    return err;
}
