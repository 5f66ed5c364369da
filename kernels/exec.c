/* The execution context: threads, scratch, and what the processor can do. */
#include "kernels/exec.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "config.h"
#include "proto/check.h"
#include "proto/err.h"
#if BIT_HAVE_CUDA
#include "kernels/cuda/gpu.h"
#endif

#define ALIGN 256

static int wanted_device;

void bit_exec_use_device(int device)
{
    BIT_ASSERT(device >= 0);
    wanted_device = device;
}

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

int bit_exec_count_devices(int *count)
{
#if BIT_HAVE_CUDA
    return bit_gpu_count(count);
#else
    return bit_fail(-ENOTSUP, "this build has no CUDA");
#endif
}

int bit_exec_device_memory(size_t *bytes)
{
#if BIT_HAVE_CUDA
    return bit_gpu_memory(wanted_device, bytes);
#else
    return bit_fail(-ENOTSUP, "this build has no CUDA");
#endif
}

size_t bit_exec_device_bytes(const struct bit_exec *exec)
{
#if BIT_HAVE_CUDA
    if (exec->gpu != NULL)
        return exec->gpu->memory_bytes;
#endif
    return 0;
}

static void describe(struct bit_exec *exec)
{
    char *to = exec->description;
    const size_t bytes = sizeof exec->description;

    if (exec->backend == BIT_BACKEND_REF)
        snprintf(to, bytes, "reference threads=1");
    else if (exec->backend == BIT_BACKEND_CPU)
        snprintf(to, bytes, "cpu %s%s threads=%d", bit_isa_name(exec->isa),
                 exec->isa == BIT_ISA_AVX512 ? " bf16 vnni" : "", exec->threads);
#if BIT_HAVE_CUDA
    else
        snprintf(to, bytes, "cuda %d %s sm_%d", exec->gpu->device, exec->gpu->name, exec->gpu->capability);
#endif
}

static int open_backend(struct bit_exec *exec)
{
    if (exec->backend == BIT_BACKEND_REF || exec->backend == BIT_BACKEND_CPU)
        return 0;
#if BIT_HAVE_CUDA
    if (exec->backend == BIT_BACKEND_CUDA)
        return bit_gpu_create(wanted_device, &exec->gpu);
#endif
    return bit_fail(-ENOTSUP, "backend %d is not in this build", (int)exec->backend);
}

int bit_exec_init(struct bit_exec *exec, enum bit_backend backend, int threads, size_t workspace_bytes)
{
    struct bit_exec e = {.backend = backend, .isa = bit_isa_best(), .threads = threads};
    int err;

    if (threads < 0)
        return bit_fail(-EINVAL, "%d threads", threads);
    if (threads == 0)
        e.threads = usable_cores();
    err = open_backend(&e);
    if (err < 0)
        return err;
    if (workspace_bytes > 0) {
        e.workspace_bytes = (size_t)bit_round_up((int64_t)workspace_bytes, ALIGN);
        err = bit_exec_alloc(&e, e.workspace_bytes, &e.workspace);
        if (err < 0) {
            bit_exec_finish(&e);
            return bit_fail_within(err, "workspace");
        }
    }
    describe(&e);
    *exec = e;
    return 0;
}

void bit_exec_finish(struct bit_exec *exec)
{
    bit_exec_free(exec, exec->workspace, exec->workspace_bytes);
#if BIT_HAVE_CUDA
    bit_gpu_destroy(exec->gpu);
#endif
    memset(exec, 0, sizeof *exec);
}

/* ---- memory */

/* Zero pages, large ones where the system has them. */
static int map(size_t bytes, void **out)
{
    void *memory = mmap(NULL, BIT_MAX(bytes, 1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return bit_fail(-ENOMEM, "%zu bytes", bytes);
    madvise(memory, bytes, MADV_HUGEPAGE); /* only speed: fewer page faults and TLB misses */
    *out = memory;
    return 0;
}

int bit_exec_alloc(struct bit_exec *exec, size_t bytes, void **out)
{
#if BIT_HAVE_CUDA
    if (exec->gpu != NULL)
        return bit_gpu_alloc(exec->gpu, bytes, out);
#endif
    return map(bytes, out);
}

void bit_exec_free(struct bit_exec *exec, void *memory, size_t bytes)
{
    if (memory == NULL)
        return;
#if BIT_HAVE_CUDA
    if (exec->gpu != NULL) {
        bit_gpu_free(exec->gpu, memory);
        return;
    }
#endif
    munmap(memory, BIT_MAX(bytes, 1));
}

int bit_exec_alloc_host(struct bit_exec *exec, size_t bytes, void **out)
{
#if BIT_HAVE_CUDA
    if (exec->gpu != NULL)
        return bit_gpu_alloc_host(exec->gpu, bytes, out);
#endif
    return map(bytes, out);
}

void bit_exec_free_host(struct bit_exec *exec, void *memory, size_t bytes)
{
    if (memory == NULL)
        return;
#if BIT_HAVE_CUDA
    if (exec->gpu != NULL) {
        bit_gpu_free_host(exec->gpu, memory, bytes);
        return;
    }
#endif
    munmap(memory, BIT_MAX(bytes, 1));
}

int bit_exec_copy(const struct bit_exec *exec, void *to, const void *from, size_t bytes)
{
    if (bytes == 0)
        return 0;
#if BIT_HAVE_CUDA
    if (exec->gpu != NULL)
        return bit_gpu_copy(exec->gpu, to, from, bytes);
#endif
    memmove(to, from, bytes);
    return 0;
}

int bit_exec_zero(const struct bit_exec *exec, void *memory, size_t bytes)
{
    if (bytes == 0)
        return 0;
#if BIT_HAVE_CUDA
    if (exec->gpu != NULL)
        return bit_gpu_zero(exec->gpu, memory, bytes);
#endif
    memset(memory, 0, bytes);
    return 0;
}

int bit_exec_wait(const struct bit_exec *exec)
{
#if BIT_HAVE_CUDA
    if (exec->gpu != NULL)
        return bit_gpu_wait(exec->gpu);
#endif
    return 0;
}

/* ---- marks */

static double clock_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

int bit_mark_init(struct bit_mark *mark, const struct bit_exec *exec)
{
    *mark = (struct bit_mark){0};
#if BIT_HAVE_CUDA
    if (exec->gpu != NULL)
        return bit_gpu_try(cudaEventCreate((cudaEvent_t *)&mark->event));
#endif
    return 0;
}

void bit_mark_finish(struct bit_mark *mark)
{
#if BIT_HAVE_CUDA
    if (mark->event != NULL)
        cudaEventDestroy(mark->event);
#endif
    *mark = (struct bit_mark){0};
}

int bit_mark_set(struct bit_mark *mark, const struct bit_exec *exec)
{
    mark->ms = clock_ms();
#if BIT_HAVE_CUDA
    if (mark->event != NULL)
        return bit_gpu_try(cudaEventRecord(mark->event, exec->gpu->stream));
#endif
    return 0;
}

double bit_mark_ms(const struct bit_mark *from, const struct bit_mark *to)
{
#if BIT_HAVE_CUDA
    float ms = 0;

    if (from->event != NULL && to->event != NULL)
        return cudaEventElapsedTime(&ms, from->event, to->event) == cudaSuccess ? ms : 0;
#endif
    return to->ms - from->ms;
}
