/* Checks of a recomputed operand's description. */
#include "kernels/operand.h"

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
