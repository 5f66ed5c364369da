/* Targets from token ids, the reference. */
#include "kernels/targets.h"

#include "kernels/args.h"

int bit_targets_ref(const struct bit_exec *exec, const struct bit_targets_args *args)
{
    const int64_t time = args->time;
    int err = bit_targets_check(args);

    if (err < 0)
        return err;
    for (int64_t i = 0; i < args->batch * time; i++)
        args->target[i] = i % time == time - 1 ? BIT_TARGETS_IGNORE : args->ids[i + 1];
    return 0;
}
