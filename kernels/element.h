/* One element of a buffer whose dtype is known at run time: for the references, and the edges of fast variants. */
#ifndef BIT_KERNELS_ELEMENT_H
#define BIT_KERNELS_ELEMENT_H

#include "kernels/exec/exec.h"

static inline float bit_element(const void *p, enum bit_dtype dtype, int64_t i)
{
    if (dtype == BIT_F32)
        return ((const float *)p)[i];
    if (dtype == BIT_BF16)
        return bit_bf16_to_f32(((const bit_bf16 *)p)[i]);
    return ((const int8_t *)p)[i];
}

/* f32 and bf16 only: an int8 code must be stored explicitly, never by an implicit rounding of v. */
static inline void bit_element_set(void *p, enum bit_dtype dtype, int64_t i, float v)
{
    if (dtype == BIT_F32)
        ((float *)p)[i] = v;
    else
        ((bit_bf16 *)p)[i] = bit_f32_to_bf16(v);
}

#endif
