/*
 * Writes a tokenizer.json as the pairs tokenizer.ggml.* of a GGUF file, from which llama.cpp makes the same tokens.
 *
 *     model        gpt2: byte-level BPE
 *     pre          how text is split first: olmo for ByteLevel's own pattern, dbrx for that of OLMo 2's dolma2
 *     tokens       the texts of all rows of the embedding; rows beyond the vocabulary are [PAD50280] and so on
 *     token_type   1 of the vocabulary, 3 special, 4 added but not special, 5 unused
 *     merges       "a b", in their order
 *     eos, bos, padding; add_bos and add_eos are false, as no token is put around a text in training
 *
 * llama.cpp does not normalise text to form C; text in another form may give other tokens there.
 * Source      ggml-org/llama.cpp: src/llama-vocab.cpp
 */
#ifndef BIT_CTL_GGUF_VOCABULARY_H
#define BIT_CTL_GGUF_VOCABULARY_H

#include <stdint.h>

#include "ctl/export/gguf_head.h"

/**
 * Add the pairs. rows: of the embedding. end_of_text: the text of the token that ends a text (llama.cpp stops there,
 * and cannot be told that there is none).
 * Errors      bit_tokenizer_load's; BIT_EDATA, with a suggestion, for ids beyond the rows, a pre_tokenizer or a flag
 *             that llama.cpp has no name for, or if there is no such token
 */
int bit_gguf_add_vocabulary(struct bit_gguf_pairs *pairs, const char *path, uint32_t rows, const char *end_of_text);

#endif
