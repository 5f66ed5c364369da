/* fp32 weights as the bytes of a type, and the bytes back. */
#ifndef BIT_CTL_EXPORT_NUMBERS_H
#define BIT_CTL_EXPORT_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

/* How numbers are stored: every weight, or in a ternary form what is not ternary (the embedding, the head). */
enum bit_number_type {
    BIT_NUMBERS_F32,
    BIT_NUMBERS_F16,
    BIT_NUMBERS_BF16,
    BIT_NUMBERS_TQ1_0, /* these three of gguf alone: blocks of codes with their scale, beside F16 */
    BIT_NUMBERS_TQ2_0,
    BIT_NUMBERS_Q2_0,
    BIT_NUMBERS_TYPES,
};
/** "f32". */
const char *bit_numbers_type_name(enum bit_number_type type);
/** BIT_NUMBERS_TYPES: there is none of that name. */
enum bit_number_type bit_numbers_type_find(const char *name);

#define BIT_NUMBERS_AT_ONCE 16384 /* elements; 4 bytes each at most */

/** Bytes of an element of BIT_NUMBERS_F32, F16 or BF16. */
size_t bit_numbers_bytes(enum bit_number_type type);
/**
 * out: count elements of the type, little-endian.
 * Returns     count, or the index of the first whose magnitude is above the type's range
 */
int64_t bit_numbers_encode(enum bit_number_type type, const float *w, int64_t count, uint8_t *out);
/**
 * Whether bytes hold w, rounded to nearest where the type is shorter: by the value that they stand for, not by another
 * encoding of w. Returns count, or the index of the first that does not.
 */
int64_t bit_numbers_compare(enum bit_number_type type, const float *w, int64_t count, const uint8_t *bytes);

#endif
