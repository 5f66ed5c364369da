/* Hugging Face's forms of the ternary model: codes in quarters, with scales. */
#ifndef BIT_CTL_EXPORT_HF_BITLINEAR_H
#define BIT_CTL_EXPORT_HF_BITLINEAR_H

struct bit_export;

/* hf-bitnet: transformers' own BitLinear, which has no LayerNorm, 127 levels and one epsilon. */
int bit_hf_bitlinear_refuse(const struct bit_export *e);
void bit_hf_bitlinear_configure(const struct bit_export *e, void *config);

/* hf-paper: whatever bitd trains, by code that is shipped with it. */
int bit_hf_bitlinear_refuse_paper(const struct bit_export *e);
int bit_hf_bitlinear_write_paper(struct bit_export *e);
void bit_hf_bitlinear_configure_paper(const struct bit_export *e, void *config);

#endif
