#include "ctl/export/hf_tensors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/export/numbers.h"
#include "proto/err.h"

#define PARTS_MAX 9 /* for one of our tensors: codes, scale and ones of three projections */

/* Projections of a block's linears, by the last part of our name. OLMo's ff_proj has up above gate. */
static const struct {
    const char *ours;
    const char *theirs[3];
} linears[] = {
    {"att_proj", {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}},
    {"attn_out", {"self_attn.o_proj"}},
    {"ff_proj", {"mlp.up_proj", "mlp.gate_proj"}},
    {"ff_out", {"mlp.down_proj"}},
};

struct list {
    struct bit_hf_tensor *tensors;
    int count;
};

static struct bit_hf_tensor *add(struct list *l, const struct bit_source *source, int t, enum bit_hf_part part)
{
    struct bit_hf_tensor *out = &l->tensors[l->count++];

    *out = (struct bit_hf_tensor){
        .part = part, .source = t, .rows = source->tensors[t].rows, .cols = source->tensors[t].cols};
    return out;
}

static const char *projection_name(const char *linear, int projection)
{
    for (size_t i = 0; i < sizeof linears / sizeof linears[0]; i++)
        if (strcmp(linears[i].ours, linear) == 0)
            return linears[i].theirs[projection];
    return "";
}

static void add_part(struct list *l, const struct bit_source *source, int t, int projection, enum bit_hf_part part)
{
    static const char *const suffixes[] = {[BIT_HF_WEIGHT] = "weight",
                                           [BIT_HF_CODES] = "weight",
                                           [BIT_HF_SCALE] = "weight_scale",
                                           [BIT_HF_ONES] = "rms_norm.weight"};
    const struct bit_tensor *ours = &source->tensors[t];
    struct bit_hf_tensor *out = add(l, source, t, part);
    unsigned block = 0;
    char linear[32] = "";

    sscanf(ours->name, "transformer.blocks.%u.%31[a-z_]", &block, linear);
    out->projection = projection;
    out->rows = ours->rows / bit_tensor_projections(ours);
    out->row = projection * out->rows;
    snprintf(out->name, sizeof out->name, "model.layers.%u.%s.%s", block, projection_name(linear, projection),
             suffixes[part]);
}

static void add_linear(struct list *l, const struct bit_source *source, int t, bool codes, bool ones)
{
    const int projections = bit_tensor_projections(&source->tensors[t]);

    for (int p = 0; p < projections; p++) {
        add_part(l, source, t, p, codes ? BIT_HF_CODES : BIT_HF_WEIGHT);
        if (codes)
            add_part(l, source, t, p, BIT_HF_SCALE);
        if (ones)
            add_part(l, source, t, p, BIT_HF_ONES);
    }
}

int bit_hf_tensors(const struct bit_source *source, bool codes, bool ones, struct bit_hf_tensor **out)
{
    struct list l = {.tensors = calloc((size_t)source->count * PARTS_MAX, sizeof *l.tensors)};

    if (l.tensors == NULL)
        return bit_fail(-ENOMEM, "the names of %d tensors", source->count);
    for (int t = 0; t < source->count; t++) {
        if (bit_tensor_is_linear(&source->tensors[t]))
            add_linear(&l, source, t, codes, ones);
        else
            strcpy(add(&l, source, t, BIT_HF_WEIGHT)->name, t == 0 ? "model.embed_tokens.weight" : "lm_head.weight");
    }
    *out = l.tensors;
    return l.count;
}

const char *bit_hf_tensor_dtype(const struct bit_hf_tensor *tensor, enum bit_number_type type)
{
    if (tensor->part == BIT_HF_CODES)
        return "U8";
    if (tensor->part != BIT_HF_WEIGHT || type == BIT_NUMBERS_F32)
        return "F32";
    return type == BIT_NUMBERS_F16 ? "F16" : "BF16";
}

int bit_hf_tensor_shape(const struct bit_hf_tensor *tensor, int64_t shape[2])
{
    const bool is_vector = tensor->part == BIT_HF_SCALE || tensor->part == BIT_HF_ONES;

    shape[0] = tensor->part == BIT_HF_SCALE   ? 1
               : tensor->part == BIT_HF_ONES  ? tensor->cols
               : tensor->part == BIT_HF_CODES ? tensor->rows / 4
                                              : tensor->rows;
    shape[1] = is_vector ? 1 : tensor->cols;
    return is_vector ? 1 : 2;
}

uint64_t bit_hf_tensor_bytes(const struct bit_hf_tensor *tensor, enum bit_number_type type)
{
    int64_t shape[2];

    bit_hf_tensor_shape(tensor, shape);
    const size_t each = tensor->part == BIT_HF_CODES    ? 1
                        : tensor->part == BIT_HF_WEIGHT ? bit_numbers_bytes(type)
                                                        : sizeof(float);
    return (uint64_t)(shape[0] * shape[1]) * each;
}
