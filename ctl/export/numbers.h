/* Converts fp32 weights to the bytes of a type, and checks such bytes. */
#ifndef BIT_CTL_EXPORT_NUMBERS_H
#define BIT_CTL_EXPORT_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

/* How numbers are stored: every weight, or in a ternary form those that are not codes (the embedding, the head). */
enum bit_number_type {
    BIT_NUMBERS_F32,
    BIT_NUMBERS_F16,
    BIT_NUMBERS_BF16,
    BIT_NUMBERS_TQ1_0, /* these three for gguf only: blocks of codes with their scale, the rest as F16 */
    BIT_NUMBERS_TQ2_0,
    BIT_NUMBERS_Q2_0,
    BIT_NUMBERS_TYPES,
};
/** "f32". */
const char *bit_numbers_type_name(enum bit_number_type type);
/** BIT_NUMBERS_TYPES: there is no type of that name. */
enum bit_number_type bit_numbers_type_find(const char *name);

#define BIT_NUMBERS_AT_ONCE 16384 /* elements in one buffer; 4 bytes each at most */

/** Bytes of an element of BIT_NUMBERS_F32, F16 or BF16. */
size_t bit_numbers_bytes(enum bit_number_type type);
/**
 * Write count elements of the type to out, little-endian.
 * Returns     count, or the index of the first element whose magnitude is above the type's range
 */
int64_t bit_numbers_encode(enum bit_number_type type, const float *w, int64_t count, uint8_t *out);
/**
 * Check that bytes hold w, rounded to nearest if the type is shorter. The decoded values are compared; w is not
 * encoded again. Returns count, or the index of the first element that differs.
 */
int64_t bit_numbers_compare(enum bit_number_type type, const float *w, int64_t count, const uint8_t *bytes);

#endif
