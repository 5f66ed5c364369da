/*
 * A model's architecture as the config.json beside its weights says it, in the keys of OLMo's ModelConfig or of Hugging
 * Face's OlmoConfig, or in both:
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
 *     model.norm_eps       layer_norm_eps           1e-5, which is in its code
 *     model.tied           weight_tying             tie_word_embeddings
 *     model.clip_qkv       clip_qkv                 clip_qkv
 *
 * A key that is absent has the value that OLMo's, or Hugging Face's, class gives it then.
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
    Bit__ModelSpec says; /* the fields above; no texts */
};

/**
 * Parse one. What it says and bitd cannot do is a problem of `field`, by key and value, all of it at once; path is for
 * the texts. *out is set where the error is 0.
 * Errors      BIT_ESPEC with problems; BIT_ECORRUPT if it is no JSON object; BIT_ELIMIT; -ENOMEM
 */
int bit_model_config_parse(const char *text, size_t bytes, const char *path, const char *field,
                           struct bit_model_config *out, struct bit_problems *problems);
/** The same of an open file that *st is of. Also -errno. */
int bit_model_config_read(int fd, const char *path, const struct stat *st, const char *field,
                          struct bit_model_config *out, struct bit_problems *problems);
/**
 * Give the model what it lacks. A field that it has otherwise is a problem of its own; a shorter context is none, and
 * nor is a vocabulary within the padded one where the file knows one size alone. Errors: BIT_ESPEC with problems.
 */
int bit_model_config_fill(const struct bit_model_config *config, const char *path, Bit__ModelSpec *model,
                          struct bit_problems *problems);
/** Of a normalised model: what it has otherwise, each a note about its field. */
void bit_model_config_compare(const struct bit_model_config *config, const char *path, const Bit__ModelSpec *model,
                              struct bit_problems *notes);

#endif
