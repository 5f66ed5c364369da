/* The execution context: threads, scratch, and what the processor can do. */
#include "kernels/exec.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"

#define WORKSPACE_ALIGN 64

const char *bit_isa_name(enum bit_isa isa)
{
    static const char *const names[BIT_ISA_COUNT] = {"base", "avx2", "avx512"};

    return names[isa];
}

enum bit_isa bit_isa_best(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni") &&
        __builtin_cpu_supports("avx512bf16"))
        return BIT_ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        return BIT_ISA_AVX2;
#endif
    return BIT_ISA_BASE;
}

/* Cores that this process may use: a rank that mpirun has bound to four of them gets four threads. */
static int usable_cores(void)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return 1;
    return BIT_MAX(CPU_COUNT(&set), 1);
}

static void describe(struct bit_exec *exec)
{
    if (exec->backend == BIT_BACKEND_REF)
        snprintf(exec->description, sizeof exec->description, "reference threads=1");
    else
        snprintf(exec->description, sizeof exec->description, "cpu %s%s threads=%d", bit_isa_name(exec->isa),
                 exec->isa == BIT_ISA_AVX512 ? " bf16 vnni" : "", exec->threads);
}

int bit_exec_init(struct bit_exec *exec, enum bit_backend backend, int threads, size_t workspace_bytes)
{
    struct bit_exec e = {.backend = backend, .isa = bit_isa_best(), .threads = threads};

    if (backend != BIT_BACKEND_REF && backend != BIT_BACKEND_CPU)
        return bit_fail(-ENOTSUP, "backend %d is not in this build", (int)backend);
    if (threads < 0)
        return bit_fail(-EINVAL, "%d threads", threads);
    if (threads == 0)
        e.threads = usable_cores();
    if (workspace_bytes > 0) {
        e.workspace_bytes = (size_t)bit_round_up((int64_t)workspace_bytes, WORKSPACE_ALIGN);
        e.workspace = aligned_alloc(WORKSPACE_ALIGN, e.workspace_bytes);
        if (e.workspace == NULL)
            return bit_fail(-ENOMEM, "workspace of %zu bytes", workspace_bytes);
    }
    describe(&e);
    *exec = e;
    return 0;
}

void bit_exec_finish(struct bit_exec *exec)
{
    free(exec->workspace);
    memset(exec, 0, sizeof *exec);
}
