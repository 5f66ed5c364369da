/*
 * Reads a model's architecture from the config.json beside its weights, with the keys of OLMo's ModelConfig, of Hugging
 * Face's OlmoConfig, or both:
 *
 *     model.layers         n_layers                 num_hidden_layers
 *     model.width          d_model                  hidden_size
 *     model.heads          n_heads                  num_attention_heads
 *     model.mlp_hidden     mlp_hidden_size / 2,     intermediate_size
 *                          else mlp_ratio d_model / 2
 *     model.vocab          vocab_size               vocab_size
 *     model.vocab_padded   embedding_size           vocab_size
 *     model.context        max_sequence_length      max_position_embeddings
 *     model.rope_theta     rope_theta               rope_theta, rope_parameters.rope_theta
 *     model.norm_eps       layer_norm_eps           1e-5, a constant in its code
 *     model.tied           weight_tying             tie_word_embeddings
 *     model.clip_qkv       clip_qkv                 clip_qkv
 *
 * An absent key has the default of OLMo's or Hugging Face's class.
 * Source      allenai/OLMo olmo/config.py; huggingface/transformers models/olmo/configuration_olmo.py
 */
#ifndef BIT_PROTO_MODEL_CONFIG_H
#define BIT_PROTO_MODEL_CONFIG_H

#include <stddef.h>
#include <sys/stat.h>

#include "proto/bit.pb-c.h"
#include "proto/text/problems.h"

#define BIT_MODEL_CONFIG "config.json"

struct bit_model_config {
    Bit__ModelSpec says; /* the fields above; no strings */
};

/**
 * Parse a config.json. Each value that bitd does not support becomes a problem of `field`, with key and value; path is
 * for the problems' texts. *out is set only on success.
 * Errors      BIT_ESPEC with problems; BIT_ECORRUPT if it is no JSON object; BIT_ELIMIT; -ENOMEM
 */
int bit_model_config_parse(const char *text, size_t bytes, const char *path, const char *field,
                           struct bit_model_config *out, struct bit_problems *problems);
/** The same for an open file with status *st. Also -errno. */
int bit_model_config_read(int fd, const char *path, const struct stat *st, const char *field,
                          struct bit_model_config *out, struct bit_problems *problems);
/**
 * Set the fields that the model lacks. A field that the model has with another value is a problem, except for a shorter
 * context, and for a vocabulary within the padded one if the file has only one size. Errors: BIT_ESPEC with problems.
 */
int bit_model_config_fill(const struct bit_model_config *config, const char *path, Bit__ModelSpec *model,
                          struct bit_problems *problems);
/** Add a note about each field of a normalised model that differs from the file. */
void bit_model_config_compare(const struct bit_model_config *config, const char *path, const Bit__ModelSpec *model,
                              struct bit_problems *notes);

#endif
