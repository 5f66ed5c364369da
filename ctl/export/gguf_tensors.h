/* A model's tensors as llama.cpp's architecture olmo has them: q, k and v apart, gate and up apart, each head's rows in
 * llama.cpp's order. */
#ifndef BIT_CTL_GGUF_TENSORS_H
#define BIT_CTL_GGUF_TENSORS_H

#include "ctl/export/export.h"
#include "ctl/export/gguf_head.h"

/* A tensor of the file, and which rows of one of ours it is. */
struct bit_gguf_part {
    int source, projection;
    int64_t row;       /* where those rows begin */
    int64_t head_rows; /* of a head whose rows change their order; 0: none does */
};

/* tensors[i] is parts[i]; those of one of our tensors follow one another. */
struct bit_gguf_tensors {
    struct bit_gguf_tensor *tensors;
    struct bit_gguf_part *parts;
    int count;
    uint64_t data_bytes;
};

/** Laid out. Errors: -ENOMEM. */
int bit_gguf_tensors_init(struct bit_gguf_tensors *out, const struct bit_export *e);
void bit_gguf_tensors_finish(struct bit_gguf_tensors *tensors);

/**
 * The row of the source that row r of a part is. OLMo turns the halves of a head against each other (x[j], x[j + D/2]),
 * llama.cpp neighbours (x[2j], x[2j + 1]): row 2j + i of a head is OLMo's row i D/2 + j.
 */
int64_t bit_gguf_part_row(const struct bit_gguf_part *part, int64_t r);

#endif
