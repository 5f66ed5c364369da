#include "ctl/export/gguf.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/export/export.h"
#include "ctl/export/gguf_tensors.h"
#include "ctl/export/gguf_vocabulary.h"
#include "ctl/export/load.h"
#include "ctl/export/numbers.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/half.h"

#define QUANTIZATION_VERSION 2         /* version of the block layouts */
#define BUFFER_BYTES         (1 << 20) /* bytes per write, unless a row is longer */

/* ---- what the form cannot hold */

static bool has_blocks(const struct bit_export *e)
{
    return bit_export_form_is_ternary(e->form, e->type);
}

static int refuse_norm(Bit__InnerNorm norm)
{
    const bool is_layernorm = norm == BIT__INNER_NORM__LAYERNORM;

    if (norm == BIT__INNER_NORM__NO_NORM)
        return 0;
    return bit_fail(-ENOTSUP,
                    "llama.cpp's olmo cannot hold inner norm %s; train with quantizer { inner_norm: NO_NORM "
                    "activation_levels: 127 } (preset export), or export --to %s",
                    is_layernorm ? "LAYERNORM" : "RMSNORM", is_layernorm ? "hf-paper" : "hf-bitnet");
}

static int refuse_activations(const Bit__QuantizerSpec *q)
{
    if (q->activation_measure != BIT__MEASURE__ABSMAX)
        return bit_fail(-ENOTSUP, "llama.cpp scales activations by their largest magnitude alone; train with "
                                  "quantizer { activation_measure: ABSMAX }, or export --type f16, for which "
                                  "llama.cpp does not quantise activations");
    if (q->activation_levels != 127)
        return bit_fail(-ENOTSUP,
                        "llama.cpp's activations have 127 levels, the model's %" PRIu32
                        "; train with quantizer { activation_levels: 127 } (preset export), or export --type f16, for "
                        "which llama.cpp does not quantise activations",
                        q->activation_levels);
    return 0;
}

static int refuse_rows(const struct bit_export *e)
{
    struct bit_gguf_tensors l;
    int err = bit_gguf_tensors_init(&l, e);

    for (int i = 0; err >= 0 && i < l.count; i++) {
        const struct bit_gguf_tensor *t = &l.tensors[i];
        if (t->cols % t->layout->block != 0)
            err = bit_fail(-ENOTSUP, "'%s' has rows of %" PRId64 ", no multiple of the %d that %s takes at once; %s",
                           t->name, t->cols, t->layout->block, t->layout->name,
                           t->cols % 64 == 0 ? "--type q2_0 takes 64" : "--type f16 takes any");
    }
    if (err >= 0)
        bit_gguf_tensors_finish(&l);
    return err;
}

static bool was_ternary(const struct bit_export *e)
{
    return e->source.manifest->phase->precision != BIT__PRECISION__SIXTEEN_BIT;
}

/* The 16-bit phase has no inner norm and no int8 activations, whatever its quantizer will have after the switch. */
int bit_gguf_refuse(const struct bit_export *e)
{
    const Bit__QuantizerSpec *quantizer = e->source.manifest->spec->quantizer;
    int err = was_ternary(e) ? refuse_norm(quantizer->inner_norm) : 0;

    if (err >= 0 && was_ternary(e) && has_blocks(e))
        err = refuse_activations(quantizer);
    return err < 0 ? err : refuse_rows(e);
}

const char *bit_gguf_note(const struct bit_export *e)
{
    if (!e->ternary)
        return NULL;
    if (!has_blocks(e))
        return "its matrices are codes times scales; there llama.cpp does not quantise activations to int8 as "
               "training does, so its logits differ a little";
    if (e->type == BIT_NUMBERS_Q2_0)
        return "llama.cpp quantises activations to int8 in blocks of 32, training per token, so its logits differ a "
               "little";
    return "llama.cpp quantises activations to int8 in blocks of 256, training per token, so its logits differ a "
           "little";
}

/* ---- pairs */

static void add_model(struct bit_gguf_pairs *p, const Bit__ModelSpec *model)
{
    bit_gguf_add_u32(p, "olmo.context_length", model->context);
    bit_gguf_add_u32(p, "olmo.embedding_length", model->width);
    bit_gguf_add_u32(p, "olmo.block_count", model->layers);
    bit_gguf_add_u32(p, "olmo.feed_forward_length", model->mlp_hidden);
    bit_gguf_add_u32(p, "olmo.attention.head_count", model->heads);
    bit_gguf_add_u32(p, "olmo.attention.head_count_kv", model->heads);
    bit_gguf_add_f32(p, "olmo.attention.layer_norm_epsilon", (float)model->norm_eps);
    if (model->clip_qkv > 0)
        bit_gguf_add_f32(p, "olmo.attention.clamp_kqv", (float)model->clip_qkv);
    bit_gguf_add_u32(p, "olmo.rope.dimension_count", model->width / model->heads);
    bit_gguf_add_f32(p, "olmo.rope.freq_base", (float)model->rope_theta);
    bit_gguf_add_u32(p, "olmo.vocab_size", model->vocab_padded);
}

static int add_pairs(const struct bit_export *e, const struct bit_gguf_tensors *l, struct bit_gguf_pairs *p)
{
    const Bit__RunSpec *spec = e->source.manifest->spec;
    const struct bit_gguf_layout *linear = l->tensors[1].layout; /* the first block's q */

    bit_gguf_add_text(p, "general.architecture", "olmo");
    bit_gguf_add_text(p, "general.type", "model");
    bit_gguf_add_text(p, "general.name", spec->name);
    bit_gguf_add_u32(p, "general.file_type", linear->file_type);
    if (linear->ternary)
        bit_gguf_add_u32(p, "general.quantization_version", QUANTIZATION_VERSION);
    add_model(p, spec->model);
    if (e->options->tokenizer != NULL)
        return bit_gguf_add_vocabulary(p, e->options->tokenizer, spec->model->vocab_padded, e->options->end_of_text);
    bit_gguf_add_text(p, "tokenizer.ggml.model", "no_vocab");
    return 0;
}

/* ---- data */

/* Writes a file through a buffer of whole rows. */
struct writer {
    struct bit_export *e;
    struct bit_gguf_tensors list;
    struct bit_output_file file;
    uint8_t *buffer;
    size_t room, used;
    float *row; /* one row of numbers: codes times a scale */
};

static int flush(struct writer *w)
{
    int err = w->used == 0 ? 0 : bit_output_write(&w->file, w->buffer, w->used);

    w->used = 0;
    return err;
}

static int fail_number(const struct bit_gguf_tensor *t, int64_t row, int64_t col, float value)
{
    return bit_fail(BIT_ENUMERIC, "'%s', row %" PRId64 ", column %" PRId64 ": %g is above what %s holds", t->name, row,
                    col, (double)value, t->layout->name);
}

static enum bit_number_type float_type(const struct bit_gguf_tensor *t)
{
    return t->layout->type == BIT_GGUF_F32   ? BIT_NUMBERS_F32
           : t->layout->type == BIT_GGUF_F16 ? BIT_NUMBERS_F16
                                             : BIT_NUMBERS_BF16;
}

/* Put row r of tensor i. scale: the factor of its codes, 0 if it has none. */
static int put_row(struct writer *w, int i, int64_t r, float scale)
{
    const struct bit_gguf_tensor *t = &w->list.tensors[i];
    const int64_t at = bit_gguf_part_row(&w->list.parts[i], r) * t->cols;
    const float *values = w->e->weights + at;
    uint8_t *out = w->buffer + w->used;

    w->used += bit_gguf_row_bytes(t);
    if (t->layout->ternary) {
        bit_gguf_pack(t->layout, w->e->codes + at, t->cols, bit_half_of(scale), out);
        return 0;
    }
    for (int64_t c = 0; scale > 0 && c < t->cols; c++)
        w->row[c] = (float)w->e->codes[at + c] * scale;
    values = scale > 0 ? w->row : values;
    const int64_t good = bit_numbers_encode(float_type(t), values, t->cols, out);
    return good == t->cols ? 0 : fail_number(t, r, good, values[good]);
}

/* The factor of a tensor's codes, 0 if it has none. It must be neither 0 nor infinite as a half. */
static int scale_of(const struct bit_gguf_tensor *t, const struct bit_ternary *codes, int projection, float *out)
{
    *out = codes->segments == 0 ? 0 : 1 / bit_ternary_scale(codes, projection);
    const float half = bit_half_value(bit_half_of(*out));
    if (codes->segments == 0 || !t->layout->ternary || (half > 0 && !isinf(half)))
        return 0;
    return bit_fail(BIT_ENUMERIC, "'%s': its scale %g cannot be stored as f16; --type bf16 can hold it", t->name,
                    (double)*out);
}

static int put_tensor(struct writer *w, int i, const struct bit_ternary *codes)
{
    static const uint8_t zeros[BIT_GGUF_ALIGN];
    const struct bit_gguf_tensor *t = &w->list.tensors[i];
    const uint64_t bytes = bit_gguf_tensor_bytes(t);
    float scale;
    int err = scale_of(t, codes, w->list.parts[i].projection, &scale);

    for (int64_t r = 0; r < t->rows && err >= 0; r++) {
        if (w->used + bit_gguf_row_bytes(t) > w->room)
            err = flush(w);
        if (err >= 0)
            err = put_row(w, i, r, scale);
    }
    if (err >= 0)
        err = flush(w);
    if (err >= 0 && bytes % BIT_GGUF_ALIGN != 0)
        err = bit_output_write(&w->file, zeros, BIT_GGUF_ALIGN - bytes % BIT_GGUF_ALIGN);
    return err;
}

static int put_data(struct writer *w)
{
    struct bit_ternary codes;
    int at = -1, err = 0;

    for (int i = 0; i < w->list.count && err >= 0; i++) {
        const int source = w->list.parts[i].source;
        if (source != at)
            err = bit_load_tensor(w->e, source, &codes);
        at = source;
        if (err >= 0)
            err = put_tensor(w, i, &codes);
        if (err >= 0)
            bit_load_progress(w->e, w->list.tensors[i].rows * w->list.tensors[i].cols);
    }
    return err;
}

static int allocate(struct writer *w)
{
    int64_t cols = 0;

    for (int t = 0; t < w->e->source.count; t++)
        cols = BIT_MAX(cols, w->e->source.tensors[t].cols);
    w->room = BIT_MAX((size_t)BUFFER_BYTES, (size_t)cols * sizeof(float));
    w->buffer = malloc(w->room);
    w->row = malloc((size_t)cols * sizeof *w->row);
    return w->buffer == NULL || w->row == NULL ? bit_fail(-ENOMEM, "a buffer of %zu bytes", w->room) : 0;
}

static int write_file(struct writer *w, const uint8_t *head, size_t bytes)
{
    int err = bit_output_open(&w->e->output, BIT_GGUF_FILE, &w->file);

    if (err < 0)
        return err;
    err = bit_output_write(&w->file, head, bytes);
    if (err >= 0)
        err = put_data(w);
    return bit_output_close(&w->file, err);
}

int bit_gguf_write(struct bit_export *e)
{
    struct writer w = {.e = e};
    struct bit_gguf_pairs pairs = {0};
    uint8_t *head = NULL;
    size_t bytes = 0;
    int err = bit_gguf_tensors_init(&w.list, e);

    if (err >= 0)
        err = add_pairs(e, &w.list, &pairs);
    if (err >= 0)
        err = bit_gguf_head(&pairs, w.list.tensors, w.list.count, &head, &bytes);
    if (err >= 0)
        err = allocate(&w);
    if (err >= 0)
        err = write_file(&w, head, bytes);
    free(head);
    free(w.buffer);
    free(w.row);
    bit_gguf_pairs_finish(&pairs);
    bit_gguf_tensors_finish(&w.list);
    return err;
}
