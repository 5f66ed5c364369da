/*
 * The form gguf: one file for llama.cpp, architecture olmo.
 *
 * llama.cpp's olmo has LayerNorms without weights before attention, before the MLP and at the end. It has none before
 * the output matrices of attention and MLP, so a model trained with an inner norm is refused. The codes and (as
 * halves) the scales of a ternary type are the model's own. llama.cpp quantises activations to int8 for each block of
 * 256 (TQ1_0, TQ2_0) or 32 (Q2_0) of a row, where training has one scale per token, so logits differ a little.
 */
#ifndef BIT_CTL_GGUF_H
#define BIT_CTL_GGUF_H

struct bit_export;

#define BIT_GGUF_FILE "model.gguf"

int bit_gguf_refuse(const struct bit_export *e);
int bit_gguf_write(struct bit_export *e);
int bit_gguf_verify(struct bit_export *e);
/** What a user of the file must know; NULL: nothing. Static storage. */
const char *bit_gguf_note(const struct bit_export *e);

#endif
