/* The execution context in the process's own memory, for the reference and the processor's variants. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "kernels/exec/backend.h"
#include "proto/check.h"
#include "proto/err.h"

static int open_exec(struct bit_exec *exec, int device)
{
    return 0;
}

static void close_exec(struct bit_exec *exec)
{
}

static void describe(const struct bit_exec *exec, char *to, size_t bytes)
{
    if (exec->backend == BIT_BACKEND_REF)
        snprintf(to, bytes, "reference threads=1");
    else
        snprintf(to, bytes, "cpu %s%s threads=%d", bit_isa_name(exec->isa),
                 exec->isa == BIT_ISA_AVX512 ? " bf16 vnni" : "", exec->threads);
}

/* Zeroed pages, huge ones if the system has them. */
static int alloc(struct bit_exec *exec, size_t bytes, void **out)
{
    void *memory = mmap(NULL, BIT_MAX(bytes, 1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return bit_fail(-ENOMEM, "%zu bytes", bytes);
    madvise(memory, bytes, MADV_HUGEPAGE); /* only speed: fewer page faults and TLB misses */
    *out = memory;
    return 0;
}

static void free_memory(struct bit_exec *exec, void *memory, size_t bytes)
{
    munmap(memory, BIT_MAX(bytes, 1));
}

static int copy(const struct bit_exec *exec, void *to, const void *from, size_t bytes)
{
    memmove(to, from, bytes);
    return 0;
}

static int zero(const struct bit_exec *exec, void *memory, size_t bytes)
{
    memset(memory, 0, bytes);
    return 0;
}

static int wait_all(const struct bit_exec *exec)
{
    return 0;
}

const struct bit_exec_ops bit_exec_ops_host = {
    .open = open_exec,
    .close = close_exec,
    .describe = describe,
    .alloc = alloc,
    .free = free_memory,
    .alloc_host = alloc,
    .free_host = free_memory,
    .copy = copy,
    .zero = zero,
    .wait = wait_all,
};
