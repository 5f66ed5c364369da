/*
 * By whose names a file of weights calls an OLMo model's tensors, and which of its tensors are which rows of ours.
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
 * Rows are in the order that stands here: OLMo's SwiGLU multiplies the first half of ff_proj with silu of the second,
 * so the first is `up`. Rotary positions turn halves of a head in both, and no row is permuted.
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
    BIT_NAMES_ALLENAI,   /* of hf_olmo's class: the same with "model." before them */
    BIT_NAMES_HF,        /* OlmoForCausalLM's */
    BIT_NAMES_HF_INSIDE, /* OlmoModel's, which is saved without "model." */
    BIT_NAMES_FORMS,
};

/** The form that a tensor of this name shows a file to be of; BIT_NAMES_FORMS if it could be of any. */
enum bit_names bit_tensor_names_tell(const char *name);

#define BIT_NAMES_PARTS_MAX 3

/* One tensor of a file: rows [row, row + rows) of ours, all of its columns. */
struct bit_tensor_part {
    char name[128];
    int64_t row, rows;
};

/** Of which tensors of a file ours is made, in the order of its rows; how many. */
int bit_tensor_names_parts(enum bit_names names, const struct bit_tensor *tensor,
                           struct bit_tensor_part out[BIT_NAMES_PARTS_MAX]);

/** Both names are of the same tensor, in the same block or another: they differ in their number alone. */
bool bit_tensor_names_alike(const char *a, const char *b);
/** A name of the head, where it is a tensor of its own. */
bool bit_tensor_names_is_head(const char *name);
/**
 * A tensor that no model of ours has and that would change what the model computes: the weight of a norm, or a bias. (A
 * buffer of rotary frequencies changes nothing.)
 */
bool bit_tensor_names_is_foreign(const char *name);

#endif
