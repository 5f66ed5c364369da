#include "ctl/export/gguf_tensors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"

/* Projections of a block's linears. OLMo's ff_proj has up above gate. */
static const struct linear {
    const char *ours;
    const char *theirs[3];
    int turned; /* RoPE applies to the first so many projections: q and k */
} linears[] = {
    {"att_proj", {"attn_q", "attn_k", "attn_v"}, 2},
    {"attn_out", {"attn_output"}, 0},
    {"ff_proj", {"ffn_up", "ffn_gate"}, 0},
    {"ff_out", {"ffn_down"}, 0},
};

static const struct linear *find_linear(const char *ours)
{
    for (size_t i = 0; i < BIT_COUNT(linears); i++)
        if (strcmp(linears[i].ours, ours) == 0)
            return &linears[i];
    return NULL;
}

static enum bit_gguf_type type_of_linears(enum bit_number_type type)
{
    static const enum bit_gguf_type types[BIT_NUMBERS_TYPES] = {
        [BIT_NUMBERS_F32] = BIT_GGUF_F32,     [BIT_NUMBERS_F16] = BIT_GGUF_F16,     [BIT_NUMBERS_BF16] = BIT_GGUF_BF16,
        [BIT_NUMBERS_TQ1_0] = BIT_GGUF_TQ1_0, [BIT_NUMBERS_TQ2_0] = BIT_GGUF_TQ2_0, [BIT_NUMBERS_Q2_0] = BIT_GGUF_Q2_0,
    };
    return types[type];
}

/* Beside ternary linears, embedding and head are stored as halves, as llama.cpp's own converter does. */
static const struct bit_gguf_layout *layout_of(enum bit_number_type type, bool is_linear)
{
    const struct bit_gguf_layout *linear = bit_gguf_layout(type_of_linears(type));

    return is_linear || !linear->ternary ? linear : bit_gguf_layout(BIT_GGUF_F16);
}

static struct bit_gguf_tensor *add(struct bit_gguf_tensors *l, const struct bit_export *e, int t, int projection)
{
    const struct bit_tensor *ours = &e->source.tensors[t];
    struct bit_gguf_tensor *out = &l->tensors[l->count];

    out->layout = layout_of(e->type, bit_tensor_is_linear(ours));
    out->rows = ours->rows / bit_tensor_projections(ours);
    out->cols = ours->cols;
    l->parts[l->count] = (struct bit_gguf_part){.source = t, .projection = projection, .row = projection * out->rows};
    l->count++;
    return out;
}

static void add_linear(struct bit_gguf_tensors *l, const struct bit_export *e, int t)
{
    const Bit__ModelSpec *model = e->source.manifest->spec->model;
    const struct bit_tensor *ours = &e->source.tensors[t];
    unsigned block = 0;
    char name[32] = "";

    sscanf(ours->name, "transformer.blocks.%u.%31[a-z_]", &block, name);
    const struct linear *linear = find_linear(name);
    BIT_ASSERT(linear != NULL);
    for (int p = 0; p < bit_tensor_projections(ours); p++) {
        struct bit_gguf_tensor *out = add(l, e, t, p);
        snprintf(out->name, sizeof out->name, "blk.%u.%s.weight", block, linear->theirs[p]);
        if (p < linear->turned)
            l->parts[l->count - 1].head_rows = model->width / model->heads;
    }
}

int bit_gguf_tensors_init(struct bit_gguf_tensors *out, const struct bit_export *e)
{
    const size_t most = (size_t)e->source.count * 3;

    *out = (struct bit_gguf_tensors){0};
    out->tensors = calloc(most, sizeof *out->tensors);
    out->parts = calloc(most, sizeof *out->parts);
    if (out->tensors == NULL || out->parts == NULL) {
        bit_gguf_tensors_finish(out);
        return bit_fail(-ENOMEM, "the names of %d tensors", e->source.count);
    }
    for (int t = 0; t < e->source.count; t++) {
        if (bit_tensor_is_linear(&e->source.tensors[t]))
            add_linear(out, e, t);
        else
            strcpy(add(out, e, t, 0)->name, t == 0 ? "token_embd.weight" : "output.weight");
    }
    out->data_bytes = bit_gguf_lay_out(out->tensors, out->count);
    return 0;
}

void bit_gguf_tensors_finish(struct bit_gguf_tensors *tensors)
{
    free(tensors->tensors);
    free(tensors->parts);
    *tensors = (struct bit_gguf_tensors){0};
}

int64_t bit_gguf_part_row(const struct bit_gguf_part *part, int64_t r)
{
    const int64_t rows = part->head_rows;

    if (rows == 0)
        return part->row + r;
    return part->row + r / rows * rows + r % 2 * (rows / 2) + r % rows / 2;
}
