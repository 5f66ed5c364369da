#include "ctl/export/hf_weights.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "ctl/export/export.h"
#include "ctl/export/hf_files.h"
#include "ctl/export/hf_layout.h"
#include "ctl/export/load.h"
#include "ctl/export/numbers.h"
#include "proto/check.h"
#include "proto/err.h"

struct writer {
    struct bit_export *e;
    struct bit_hf_files files;
    struct bit_output_file out;
    int held; /* index of our tensor that is in e->weights; -1: none */
    struct bit_ternary ternary;
    uint8_t *buffer; /* BIT_NUMBERS_AT_ONCE elements, or a row of codes */
};

static const struct bit_tensor *source_of(const struct writer *w, const struct bit_hf_tensor *tensor)
{
    return &w->e->source.tensors[tensor->source];
}

static int hold(struct writer *w, int t)
{
    int err = w->held == t ? 0 : bit_load_tensor(w->e, t, &w->ternary);

    w->held = err < 0 ? -1 : t;
    return err;
}

static int write_numbers(struct writer *w, const struct bit_hf_tensor *tensor)
{
    const float *from = w->e->weights + tensor->row * tensor->cols;
    const int64_t count = tensor->rows * tensor->cols;
    int err = 0;

    for (int64_t at = 0; at < count && err >= 0; at += BIT_NUMBERS_AT_ONCE) {
        const int64_t run = BIT_MIN(count - at, (int64_t)BIT_NUMBERS_AT_ONCE);
        const int64_t good = bit_numbers_encode(w->e->type, from + at, run, w->buffer);
        if (good < run)
            err = bit_fail(BIT_ENUMERIC,
                           "tensor '%s' holds %g at row %" PRId64 ", column %" PRId64
                           ", above %s's range; export it with --type bf16 or f32",
                           source_of(w, tensor)->name, (double)from[at + good],
                           tensor->row + (at + good) / tensor->cols, (at + good) % tensor->cols,
                           bit_numbers_type_name(w->e->type));
        else
            err = bit_output_write(&w->out, w->buffer, (size_t)run * bit_numbers_bytes(w->e->type));
    }
    return err;
}

static int write_codes(struct writer *w, const struct bit_hf_tensor *tensor)
{
    const int8_t *from = w->e->codes + tensor->row * tensor->cols;
    const int64_t quarter = tensor->rows / 4 * tensor->cols;
    int err = 0;

    for (int64_t r = 0; r < tensor->rows / 4 && err >= 0; r++) {
        const int8_t *row = from + r * tensor->cols;
        for (int64_t c = 0; c < tensor->cols; c++)
            w->buffer[c] = (uint8_t)((row[c] + 1) | (row[c + quarter] + 1) << 2 | (row[c + 2 * quarter] + 1) << 4 |
                                     (row[c + 3 * quarter] + 1) << 6);
        err = bit_output_write(&w->out, w->buffer, (size_t)tensor->cols);
    }
    return err;
}

static int write_ones(struct writer *w, int64_t count)
{
    const float one = 1;
    int err = 0;

    for (int64_t i = 0; i < count && err >= 0; i++)
        err = bit_output_write(&w->out, &one, sizeof one);
    return err;
}

static int write_tensor(struct writer *w, const struct bit_hf_tensor *tensor)
{
    const float scale = bit_ternary_scale(&w->ternary, tensor->projection);

    switch (tensor->part) {
    case BIT_HF_CODES:
        return write_codes(w, tensor);
    case BIT_HF_SCALE:
        return bit_output_write(&w->out, &scale, sizeof scale);
    case BIT_HF_ONES:
        return write_ones(w, tensor->cols);
    default:
        return write_numbers(w, tensor);
    }
}

static int write_data(struct writer *w, int file)
{
    int err = 0;

    for (int t = w->files.starts[file]; t < w->files.starts[file + 1] && err >= 0; t++) {
        const struct bit_hf_tensor *tensor = &w->files.tensors[t];
        err = hold(w, tensor->source);
        if (err >= 0)
            err = write_tensor(w, tensor);
        if (err >= 0 && (tensor->part == BIT_HF_WEIGHT || tensor->part == BIT_HF_CODES))
            bit_load_progress(w->e, tensor->rows * tensor->cols);
    }
    return err;
}

static int write_file(struct writer *w, int file)
{
    char name[64], *header = NULL;
    size_t bytes;
    int err = bit_hf_files_header(&w->files, file, &header, &bytes);

    bit_hf_files_name(&w->files, file, name);
    if (err >= 0)
        err = bit_output_open(&w->e->output, name, &w->out);
    if (err >= 0) {
        err = bit_output_write(&w->out, header, bytes);
        err = bit_output_close(&w->out, err < 0 ? err : write_data(w, file));
    }
    free(header);
    return err;
}

int bit_hf_weights_write(struct bit_export *e)
{
    struct writer w = {.e = e, .held = -1};
    int err = bit_hf_layout(e, &w.files);

    w.buffer = malloc(BIT_HF_BUFFER_BYTES);
    if (err >= 0 && w.buffer == NULL)
        err = bit_fail(-ENOMEM, "writing a tensor");
    for (int file = 0; file < w.files.files && err >= 0; file++)
        err = write_file(&w, file);
    if (err >= 0)
        err = bit_hf_files_write_index(&w.files, &e->output);
    free(w.buffer);
    bit_hf_files_finish(&w.files);
    return err;
}
