/* Targets from token ids. */
#include "kernels/cuda/util.cuh"
extern "C" {
#include "kernels/args.h"
#include "kernels/targets.h"
}

#define THREADS 256

static __global__ void targets(int64_t count, int64_t time, const uint32_t *ids, int32_t *target)
{
    const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;

    if (i < count)
        target[i] = i % time == time - 1 ? BIT_TARGETS_IGNORE : (int32_t)ids[i + 1];
}

extern "C" int bit_targets_cuda(const struct bit_exec *exec, const struct bit_targets_args *args)
{
    const int64_t count = args->batch * args->time;
    int err = bit_targets_check(args);

    if (err < 0 || count == 0)
        return err;
    targets<<<(unsigned)((count + THREADS - 1) / THREADS), THREADS, 0, exec->gpu->stream>>>(count, args->time,
                                                                                            args->ids, args->target);
    return bit_gpu_launched("targets");
}
