/* The safetensors files of the Hugging Face forms, written and read again, one tensor of ours in memory at a time. */
#ifndef BIT_CTL_EXPORT_HF_WEIGHTS_H
#define BIT_CTL_EXPORT_HF_WEIGHTS_H

struct bit_export;

/** Errors: BIT_ENUMERIC naming the tensor with a number above the type's range; bit_export_run's */
int bit_hf_weights_write(struct bit_export *e);
/** Every number, code and scale in the files beside the checkpoint's, by a reader of its own. Errors: BIT_ECORRUPT */
int bit_hf_weights_verify(struct bit_export *e);

#endif
