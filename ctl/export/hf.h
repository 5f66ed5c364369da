/* The forms that Hugging Face's transformers loads: a folder with config.json, safetensors and the tokenizer's
 * files. */
#ifndef BIT_CTL_EXPORT_HF_H
#define BIT_CTL_EXPORT_HF_H

struct bit_export;

/* hf: OlmoForCausalLM. */
int bit_hf_refuse(const struct bit_export *e);
int bit_hf_write(struct bit_export *e);
int bit_hf_verify(struct bit_export *e);

#endif
