/* The files of an export in a Hugging Face form: which tensors, and which of them where. */
#ifndef BIT_CTL_EXPORT_HF_LAYOUT_H
#define BIT_CTL_EXPORT_HF_LAYOUT_H

#include "ctl/export/export.h"
#include "ctl/export/hf_files.h"

#define BIT_HF_BUFFER_BYTES (2 * BIT_WIDTH_MAX * sizeof(float)) /* a row of any matrix, of fp32 */

/** bit_hf_files_finish ends it, after an error, too. -ENOMEM */
int bit_hf_layout(const struct bit_export *e, struct bit_hf_files *out);

#endif
