/* Writes the safetensors files of the Hugging Face forms and reads them again, one of our tensors in memory at a
 * time. */
#ifndef BIT_CTL_EXPORT_HF_WEIGHTS_H
#define BIT_CTL_EXPORT_HF_WEIGHTS_H

struct bit_export;

/** Errors: BIT_ENUMERIC naming the tensor with a number above the type's range; those of bit_export_run */
int bit_hf_weights_write(struct bit_export *e);
/** Read every number, code and scale in the files and compare it with the checkpoint. Errors: BIT_ECORRUPT */
int bit_hf_weights_verify(struct bit_export *e);

#endif
