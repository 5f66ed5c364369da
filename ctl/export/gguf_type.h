/*
 * The tensor types of the GGUF files that we write: how rows of numbers or of ternary codes become bytes, and back.
 *
 *     type    elements  bytes   of a block
 *     TQ1_0        256     54   qs[48] qh[4] d     five codes a byte, in base 3
 *     TQ2_0        256     66   qs[64] d           four codes a byte
 *     Q2_0          64     18   d qs[16]           four codes a byte, in their order
 *
 * d is the scale as a half; a weight is its code times d. The layouts:
 *     TQ2_0  element 128 b + 32 n + m, as code + 1, is in bits 2n of qs[32 b + m]           b < 2, n < 4, m < 32
 *     Q2_0   element j, as code + 1, is in bits 2 (j % 4) of qs[j / 4]                      j < 64
 *     TQ1_0  qs[m] has the elements m + 32 n           n < 5, m < 32
 *            qs[32 + m] has 160 + m + 16 n             n < 5, m < 16
 *            qh[m] has 240 + m + 4 n                   n < 4, m < 4; its fifth digit is 0
 *            as digits code + 1, n = 0 the highest, of q < 243; the byte is q 256 / 243, rounded up: multiplying it
 *            by 3 repeatedly shifts the digits out at the top, one by one
 * Source      ggml-org/ggml: include/ggml.h (numbers of the types), src/ggml-quants.c, src/ggml-common.h
 */
#ifndef BIT_CTL_GGUF_TYPE_H
#define BIT_CTL_GGUF_TYPE_H

#include <stdbool.h>
#include <stdint.h>

enum bit_gguf_type {
    BIT_GGUF_F32 = 0,
    BIT_GGUF_F16 = 1,
    BIT_GGUF_BF16 = 30,
    BIT_GGUF_TQ1_0 = 34,
    BIT_GGUF_TQ2_0 = 35,
    BIT_GGUF_Q2_0 = 42,
};

struct bit_gguf_layout {
    enum bit_gguf_type type;
    const char *name;   /* "TQ2_0" */
    uint32_t file_type; /* general.file_type of a file whose matrices have this type */
    int block, bytes;   /* elements of a block, and its size in bytes */
    bool ternary;
};

/** NULL if the number is none of these types. */
const struct bit_gguf_layout *bit_gguf_layout(uint32_t type);

/** Pack `count` codes of -1, 0 and 1, a multiple of the block, all with one scale (a half), into blocks. */
void bit_gguf_pack(const struct bit_gguf_layout *layout, const int8_t *codes, int64_t count, uint16_t scale,
                   uint8_t *out);
/** Unpack: the codes, and the scale of each block. False if a block holds an invalid code. */
bool bit_gguf_unpack(const struct bit_gguf_layout *layout, const uint8_t *blocks, int64_t count, int8_t *codes,
                     uint16_t *scales);

#endif
