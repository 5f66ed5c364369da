/* The operand of kernels/operand.h, one element at a time. */
#ifndef BIT_KERNELS_REF_OPERAND_H
#define BIT_KERNELS_REF_OPERAND_H

#include "kernels/operand.h"

/** Compute element i, in row r, from n. Does nothing if operand->to is NULL. */
void bit_operand_set(const struct bit_operand *operand, int64_t r, int64_t i, float n);

#endif
