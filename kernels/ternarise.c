/* Checks of ternarise's arguments. */
#include "kernels/ternarise.h"

#include "kernels/args.h"

int bit_ternarise_check(const struct bit_ternarise_args *args)
{
    if (args->count < 0)
        return bit_fail(-EINVAL, "ternarise of %ld weights", (long)args->count);
    if (args->codes == NULL && args->out == NULL)
        return bit_fail(-EINVAL, "ternarise has nowhere to put its codes");
    if (args->out != NULL && args->out_dtype == BIT_I8)
        return bit_fail(-EINVAL, "blended weights are f32 or bf16");
    return 0;
}
