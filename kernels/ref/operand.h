/* The operand of kernels/operand.h, an element at a time. */
#ifndef BIT_KERNELS_REF_OPERAND_H
#define BIT_KERNELS_REF_OPERAND_H

#include "kernels/operand.h"

/** Element i, of row r, from n. Nothing, where no operand is made. */
void bit_operand_set(const struct bit_operand *operand, int64_t r, int64_t i, float n);

#endif
