#include "worker/resources.h"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"

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
        usable /= local_ranks; /* not bound: the ranks see the same cores */
    return BIT_MAX(usable, 1);
}

int bit_resources_backend(const Bit__LaunchSpec *launch, enum bit_backend *out)
{
    if (launch->backend == BIT__BACKEND__CUDA)
        return bit_fail(-ENOTSUP, "launch.backend is CUDA, and this bitworker was built without it");
    *out = BIT_BACKEND_CPU;
    return 0;
}
