/* The operand once more, an element at a time. The order of the float operations is the contract's: operand.h. */
#include "kernels/operand.h"

#include <math.h>

#include "kernels/args.h"

int bit_operand_check(const char *name, const struct bit_operand *operand)
{
    if (operand->to == NULL)
        return 0;
    if (operand->dtype != BIT_F32 && operand->dtype != BIT_BF16)
        return bit_fail(-EINVAL, "%s: an operand of dtype %d, which is neither f32 nor bf16", name,
                        (int)operand->dtype);
    if (operand->scale != NULL && !(operand->strength > 0 && operand->strength <= 1))
        return bit_fail(-EINVAL, "%s: an operand at strength %g", name, (double)operand->strength);
    return 0;
}

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
    q = fmaxf(fminf(rintf(u), 127), -128) + 0.0f; /* an int8 code has one zero */
    if (operand->strength != 1) {
        q = u + operand->strength * (q - u);
        if (operand->dtype == BIT_BF16)
            q = bit_bf16_to_f32(bit_f32_to_bf16(q));
    }
    bit_element_set(operand->to, operand->dtype, i, q * inverse);
}
