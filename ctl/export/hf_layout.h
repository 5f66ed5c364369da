/* The tensors of an export in a Hugging Face form, and the files they are in. */
#ifndef BIT_CTL_EXPORT_HF_LAYOUT_H
#define BIT_CTL_EXPORT_HF_LAYOUT_H

#include "ctl/export/export.h"
#include "ctl/export/hf_files.h"

#define BIT_HF_BUFFER_BYTES (2 * BIT_WIDTH_MAX * sizeof(float)) /* one row of any matrix, in fp32 */

/** The caller ends it with bit_hf_files_finish, after an error too. -ENOMEM */
int bit_hf_layout(const struct bit_export *e, struct bit_hf_files *out);

#endif
