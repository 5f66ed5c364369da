/* A model's tensors under Hugging Face's names: q, k and v are separate, and so are up and gate. */
#ifndef BIT_CTL_EXPORT_HF_TENSORS_H
#define BIT_CTL_EXPORT_HF_TENSORS_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl/export/numbers.h"
#include "ctl/export/source.h"

enum bit_hf_part {
    BIT_HF_WEIGHT, /* numbers of the export's type */
    BIT_HF_CODES,  /* uint8: code + 1 of row r + i rows / 4 in bits 2i and 2i + 1 of row r */
    BIT_HF_SCALE,  /* fp32 (1): the factor from a weight to its code */
    BIT_HF_ONES,   /* fp32 (cols): the weight of a norm that bitd trains without one */
};

struct bit_hf_tensor {
    char name[128]; /* "model.layers.0.self_attn.q_proj.weight" */
    enum bit_hf_part part;
    int source;     /* index of our tensor that it is from */
    int projection; /* which projection of that tensor */
    int64_t row;    /* first row in that tensor */
    int64_t rows, cols;
};

/**
 * All tensors; those from one of our tensors follow one another. With `codes` a linear becomes BIT_HF_CODES and
 * BIT_HF_SCALE, with `ones` also the weight of its inner RMSNorm. *out is heap, the caller's. Returns their number, or
 * -ENOMEM.
 */
int bit_hf_tensors(const struct bit_source *source, bool codes, bool ones, struct bit_hf_tensor **out);

/** The dtype as safetensors names it, and the shape; the latter returns the number of dimensions. */
const char *bit_hf_tensor_dtype(const struct bit_hf_tensor *tensor, enum bit_number_type type);
int bit_hf_tensor_shape(const struct bit_hf_tensor *tensor, int64_t shape[2]);
uint64_t bit_hf_tensor_bytes(const struct bit_hf_tensor *tensor, enum bit_number_type type);

#endif
