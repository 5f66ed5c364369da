/*
 * Descriptions of a checkpoint for readers without bitd: config.json, and the metadata of its safetensors files.
 *
 * config.json has both OLMo's keys (d_model, n_layers, mlp_hidden_size of the fused rows, ...) and Hugging Face's
 * (hidden_size, num_hidden_layers, intermediate_size, ...), so that both loaders can read the architecture. vocab_size
 * is the rows of the embedding, as in Hugging Face; the key "bitd" has everything for which neither has a key.
 * The metadata is the content of "bitd" without the model, as a flat map of texts, and the digests.
 */
#ifndef BIT_PROTO_EXPLAIN_H
#define BIT_PROTO_EXPLAIN_H

#include "proto/bit.pb-c.h"

/** Digests, if they are known already. */
struct bit_explain_digests {
    uint64_t weights, moments;
};

/** The text of config.json, from the manifest's spec, step and phase. *out is heap, the caller's. Errors: -ENOMEM. */
int bit_explain_config(const Bit__Manifest *manifest, char **out);
/**
 * The metadata: a JSON object of texts. Its length does not depend on the digests' values.
 * digests     NULL: the file's metadata has no digests
 * Errors      -ENOMEM
 */
int bit_explain_metadata(const Bit__Manifest *manifest, const struct bit_explain_digests *digests, char **out);

#endif
