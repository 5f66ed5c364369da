/*
 * What a checkpoint says of itself to those who have no bitd: config.json, and the metadata of its safetensors files.
 *
 * config.json has OLMo's keys (d_model, n_layers, mlp_hidden_size of the fused rows, ...) and Hugging Face's
 * (hidden_size, num_hidden_layers, intermediate_size, ...) side by side, so that both loaders, and people, read the
 * architecture; vocab_size is the rows of the embedding, as Hugging Face has it, and "bitd" holds what neither knows.
 * The metadata is what "bitd" holds without the model, as a flat map of texts, and the digests.
 */
#ifndef BIT_PROTO_EXPLAIN_H
#define BIT_PROTO_EXPLAIN_H

#include "proto/bit.pb-c.h"

/** Digests, where they are known already. */
struct bit_explain_digests {
    uint64_t weights, moments;
};

/** The text of config.json: of the manifest's spec, step and phase. *out is heap, the caller's. Errors: -ENOMEM. */
int bit_explain_config(const Bit__Manifest *manifest, char **out);
/**
 * The metadata: a JSON object of texts. Its length does not depend on the digests' values.
 * digests     NULL: of a file that says nothing of them
 * Errors      -ENOMEM
 */
int bit_explain_metadata(const Bit__Manifest *manifest, const struct bit_explain_digests *digests, char **out);

#endif
