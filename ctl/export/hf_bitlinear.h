/* Hugging Face's forms of the ternary model: packed codes, four to a byte, with scales. */
#ifndef BIT_CTL_EXPORT_HF_BITLINEAR_H
#define BIT_CTL_EXPORT_HF_BITLINEAR_H

struct bit_export;

/* hf-bitnet: transformers' own BitLinear, without LayerNorm and with 127 levels and a fixed epsilon. */
int bit_hf_bitlinear_refuse(const struct bit_export *e);
void bit_hf_bitlinear_configure(const struct bit_export *e, void *config);

/* hf-paper: everything that bitd trains, with Python code that is shipped in the export. */
int bit_hf_bitlinear_refuse_paper(const struct bit_export *e);
int bit_hf_bitlinear_write_paper(struct bit_export *e);
void bit_hf_bitlinear_configure_paper(const struct bit_export *e, void *config);

#endif
