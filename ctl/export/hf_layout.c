#include "ctl/export/hf_layout.h"

int bit_hf_layout(const struct bit_export *e, struct bit_hf_files *out)
{
    const bool is_rms = e->source.manifest->spec->quantizer->inner_norm == BIT__INNER_NORM__RMSNORM;
    struct bit_hf_tensor *tensors = NULL;
    const int count = bit_hf_tensors(&e->source, e->ternary, is_rms && e->form->rms_weights, &tensors);

    *out = (struct bit_hf_files){0};
    return count < 0 ? count : bit_hf_files_init(out, tensors, count, e->type, e->options->file_bytes);
}
