#include "worker/resources.h"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/host_memory.h"

#define THREADS_MAX 4096

static int launcher_threads(void)
{
    const char *text = getenv("OMP_NUM_THREADS");
    long threads = text == NULL ? 0 : strtol(text, NULL, 10);

    return threads > 0 && threads <= THREADS_MAX ? (int)threads : 0;
}

int bit_resources_threads(const Bit__LaunchSpec *launch, int local_ranks)
{
    cpu_set_t cores;
    int usable;

    if (launch->threads > 0)
        return (int)BIT_MIN(launch->threads, THREADS_MAX);
    if (launcher_threads() > 0)
        return launcher_threads();
    usable = sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
    if ((long)usable * local_ranks > sysconf(_SC_NPROCESSORS_ONLN))
        usable /= local_ranks; /* not bound: all ranks see the same cores */
    return BIT_MAX(usable, 1);
}

static int take_gpu(int local_rank, int local_ranks)
{
    int count = 0, err = bit_exec_count_devices(&count);

    if (err < 0)
        return err;
    if (count < local_ranks)
        return bit_fail(-ENODEV, "%d ranks on this machine, which has %d %s: set launch.ranks to no more than that",
                        local_ranks, count, count == 1 ? "GPU" : "GPUs");
    bit_exec_use_device(local_rank);
    return 0;
}

int bit_resources_backend(const Bit__LaunchSpec *launch, int local_rank, int local_ranks, enum bit_backend *out)
{
    int err = 0;

    *out = BIT_BACKEND_CPU;
    if (launch->backend == BIT__BACKEND__CPU)
        return 0;
    err = take_gpu(local_rank, local_ranks);
    if (err >= 0)
        *out = BIT_BACKEND_CUDA;
    if (err < 0 && launch->backend == BIT__BACKEND__CUDA)
        return bit_fail_within(err, "launch.backend is CUDA");
    return 0;
}

int bit_resources_memory(enum bit_backend backend, int64_t *available)
{
    size_t bytes = 0;
    int err = 0;

    if (backend == BIT_BACKEND_CUDA)
        err = bit_exec_device_memory(&bytes);
    *available = backend == BIT_BACKEND_CUDA ? (int64_t)bytes : bit_host_memory_available();
    return err;
}
