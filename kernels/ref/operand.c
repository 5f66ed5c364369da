/* The operand, one element at a time. The order of the float operations is the contract's: kernels/operand.h. */
#include "kernels/ref/operand.h"

#include <math.h>

#include "kernels/element.h"

void bit_operand_set(const struct bit_operand *operand, int64_t r, int64_t i, float n)
{
    float q;

    if (operand->to == NULL)
        return;
    if (operand->scale == NULL) {
        bit_element_set(operand->to, operand->dtype, i, n);
        return;
    }
    const float u = n * operand->scale[r], inverse = 1.0f / operand->scale[r];
    q = fmaxf(fminf(rintf(u), 127), -128) + 0.0f; /* -0 becomes 0, as in an int8 code */
    if (operand->strength != 1) {
        q = u + operand->strength * (q - u);
        if (operand->dtype == BIT_BF16)
            q = bit_bf16_to_f32(bit_f32_to_bf16(q));
    }
    bit_element_set(operand->to, operand->dtype, i, q * inverse);
}
