/*
 * codes.safetensors: the ternary codes and their scales, beside the weights from which they were made.
 *
 *     transformer.blocks.N.att_proj.weight_scale    F32 (segments)      the scale of each segment: 1 / max(eps, M|W|)
 *     transformer.blocks.N.att_proj.weight          U8 (rows, cols / 4) four codes of a row in a byte, the first in the
 *                                                                       low two bits, as code + 1
 *
 * and so on for every linear; all scales come first. The weight in a product is code / scale. A segment has rows /
 * segments rows: the whole matrix if quantizer.granularity is FUSED, else a projection (q, k, v; up, gate).
 * In Python:
 *
 *     t = safetensors.numpy.load_file("codes.safetensors")
 *     codes = (t[name][..., None] >> numpy.array([0, 2, 4, 6], "uint8") & 3).reshape(rows, cols).astype("int8") - 1
 *
 * The packed codes are one byte string over all linears in flat order, of which each rank writes its part. In a
 * manifest the data of this file begins with the first code, and header_crc covers the scales too.
 */
#ifndef BIT_PROTO_CODES_FILE_H
#define BIT_PROTO_CODES_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/ckpt/checkpoint.h"

/**
 * Make the bytes before the codes: the header, and room for the scales, which the caller writes from *scales_at on.
 * Errors      as bit_safetensors_print
 */
int bit_codes_file_begin(const struct bit_tensor *tensors, int count, Bit__Granularity granularity,
                         const char *metadata, uint8_t **out, size_t *scales_at, size_t *bytes);

#endif
