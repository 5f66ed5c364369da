/* The tokenizer's files of an export, and its ids for config.json. */
#ifndef BIT_CTL_EXPORT_HF_VOCABULARY_H
#define BIT_CTL_EXPORT_HF_VOCABULARY_H

#include <stdint.h>

struct bit_export;

struct bit_hf_vocabulary {
    int64_t end_of_text, padding; /* -1 if there is none */
};

/**
 * Write tokenizer.json, byte for byte, and a tokenizer_config.json with which PreTrainedTokenizerFast loads it;
 * neither without --tokenizer.
 * Errors      bit_tokenizer_load's; BIT_EDATA if it has ids beyond the model's embedding, or no such end-of-text token
 */
int bit_hf_vocabulary_write(struct bit_export *e, struct bit_hf_vocabulary *out);

#endif
