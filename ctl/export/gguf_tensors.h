/*
 * A model's tensors in the layout of llama.cpp's architecture olmo: q, k and v are separate, gate and up are separate,
 * and each head's rows are in llama.cpp's order.
 */
#ifndef BIT_CTL_GGUF_TENSORS_H
#define BIT_CTL_GGUF_TENSORS_H

#include "ctl/export/export.h"
#include "ctl/export/gguf_head.h"

/* The rows of one of our tensors that a tensor of the file holds. */
struct bit_gguf_part {
    int source, projection;
    int64_t row;       /* the first of those rows */
    int64_t head_rows; /* rows of a head, if the order of rows in each head changes; 0: no change */
};

/* tensors[i] has the rows parts[i]; those from one of our tensors follow one another. */
struct bit_gguf_tensors {
    struct bit_gguf_tensor *tensors;
    struct bit_gguf_part *parts;
    int count;
    uint64_t data_bytes;
};

/** The tensors have their offsets. Errors: -ENOMEM. */
int bit_gguf_tensors_init(struct bit_gguf_tensors *out, const struct bit_export *e);
void bit_gguf_tensors_finish(struct bit_gguf_tensors *tensors);

/**
 * The row of our tensor that becomes row r of a part. RoPE rotates the two halves of a head against each other in OLMo
 * (x[j], x[j + D/2]), neighbours in llama.cpp (x[2j], x[2j + 1]): row 2j + i of a head is OLMo's row i D/2 + j.
 */
int64_t bit_gguf_part_row(const struct bit_gguf_part *part, int64_t r);

#endif
