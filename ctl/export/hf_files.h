/* Distributes tensors over safetensors files: one file, or several with an index. */
#ifndef BIT_CTL_EXPORT_HF_FILES_H
#define BIT_CTL_EXPORT_HF_FILES_H

#include <stddef.h>

#include "ctl/export/hf_tensors.h"
#include "ctl/export/output.h"

struct bit_hf_files {
    struct bit_hf_tensor *tensors; /* owned */
    int count;
    enum bit_number_type type;
    int *starts; /* (files + 1) the first tensor of each file; owned */
    int files;
};

/** Distribute tensors over files of at most `most` bytes, unless one tensor is larger. Takes ownership of tensors.
 * -ENOMEM */
int bit_hf_files_init(struct bit_hf_files *f, struct bit_hf_tensor *tensors, int count, enum bit_number_type type,
                      uint64_t most);
void bit_hf_files_finish(struct bit_hf_files *f);

/** "model.safetensors", or "model-00001-of-00002.safetensors". */
void bit_hf_files_name(const struct bit_hf_files *f, int file, char out[64]);
/** The bytes before a file's data. *out is heap, the caller's. -ENOMEM */
int bit_hf_files_header(const struct bit_hf_files *f, int file, char **out, size_t *bytes);
/** Write model.safetensors.index.json if there are several files. */
int bit_hf_files_write_index(const struct bit_hf_files *f, struct bit_output *output);

#endif
