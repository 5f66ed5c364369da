/*
 * The naming schemes of files with an OLMo model's weights, and which of their tensors are which rows of ours.
 *
 *     ours, and OLMo's own              allenai's for Hugging Face         Hugging Face's (OlmoForCausalLM)
 *     transformer.wte.weight            model.transformer.wte.weight       model.embed_tokens.weight
 *     transformer.blocks.N.
 *         att_proj.weight  q, k, v      model.transformer.blocks.N. ...    model.layers.N.self_attn.{q,k,v}_proj.weight
 *         attn_out.weight                                                  model.layers.N.self_attn.o_proj.weight
 *         ff_proj.weight   up, gate                                        model.layers.N.mlp.{up,gate}_proj.weight
 *         ff_out.weight                                                    model.layers.N.mlp.down_proj.weight
 *     transformer.ff_out.weight         model.transformer.ff_out.weight    lm_head.weight
 *
 * Rows are in the order above: OLMo's SwiGLU multiplies the first half of ff_proj with silu of the second, so the first
 * is `up`. In all schemes rotary positions rotate the halves of a head, so no row is permuted.
 * Source      allenai/OLMo olmo/model.py (OLMoSequentialBlock, SwiGLU), hf_olmo; huggingface/transformers
 *             models/olmo/{modeling_olmo,convert_olmo_weights_to_hf}.py
 */
#ifndef BIT_PROTO_TENSOR_NAMES_H
#define BIT_PROTO_TENSOR_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/ckpt/checkpoint.h"

enum bit_names {
    BIT_NAMES_OWN,
    BIT_NAMES_ALLENAI,   /* hf_olmo's class: the same with "model." before them */
    BIT_NAMES_HF,        /* OlmoForCausalLM */
    BIT_NAMES_HF_INSIDE, /* OlmoModel, whose names lack "model." */
    BIT_NAMES_FORMS,
};

/** The naming scheme of a file that has a tensor of this name; BIT_NAMES_FORMS if the name does not decide it. */
enum bit_names bit_tensor_names_tell(const char *name);

#define BIT_NAMES_PARTS_MAX 3

/* One tensor of a file: rows [row, row + rows) of ours, all of its columns. */
struct bit_tensor_part {
    char name[128];
    int64_t row, rows;
};

/** The tensors of a file that make up ours, in the order of its rows. Returns their number. */
int bit_tensor_names_parts(enum bit_names names, const struct bit_tensor *tensor,
                           struct bit_tensor_part out[BIT_NAMES_PARTS_MAX]);

/** Whether both names are of the same tensor, in the same block or another: they differ only in their numbers. */
bool bit_tensor_names_alike(const char *a, const char *b);
/** Whether a name is that of the head, if the head is a separate tensor. */
bool bit_tensor_names_is_head(const char *name);
/**
 * Whether a tensor is one that our models lack and that would change their output: a norm's weight, or a bias. (A
 * buffer of rotary frequencies changes nothing.)
 */
bool bit_tensor_names_is_foreign(const char *name);

#endif
