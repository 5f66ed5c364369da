/* The execution context: threads, scratch, and what the processor can do. */
#include "kernels/exec/exec.h"

#include <sched.h>
#include <string.h>
#include <time.h>

#include "kernels/exec/backend.h"
#include "proto/check.h"
#include "proto/err.h"

#define ALIGN 256

static int wanted_device;

void bit_exec_use_device(int device)
{
    BIT_ASSERT(device >= 0);
    wanted_device = device;
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

/* ---- devices */

static const struct bit_device_ops *devices(void)
{
    const struct bit_backend_ops *cuda = bit_backend_find(BIT_BACKEND_CUDA);

    return cuda == NULL ? NULL : cuda->device;
}

int bit_exec_count_devices(int *count)
{
    return devices() == NULL ? bit_fail(-ENOTSUP, "this build has no CUDA") : devices()->count(count);
}

int bit_exec_device_memory(size_t *bytes)
{
    return devices() == NULL ? bit_fail(-ENOTSUP, "this build has no CUDA")
                             : devices()->memory_left(wanted_device, bytes);
}

size_t bit_exec_device_bytes(const struct bit_exec *exec)
{
    const struct bit_device_ops *device = bit_backend_find(exec->backend)->device;

    return device == NULL ? 0 : device->memory_bytes(exec);
}

int bit_exec_device_bus(const struct bit_exec *exec, char bus[32])
{
    const struct bit_device_ops *device = bit_backend_find(exec->backend)->device;

    return device == NULL ? -ENOTSUP : device->bus(exec, bus);
}

/* ---- the context */

static const struct bit_exec_ops *ops_of(const struct bit_exec *exec)
{
    return bit_backend_find(exec->backend)->exec;
}

int bit_exec_init(struct bit_exec *exec, enum bit_backend backend, int threads, size_t workspace_bytes)
{
    struct bit_exec e = {.backend = backend, .isa = bit_isa_best(), .threads = threads};
    int err;

    if (bit_backend_find(backend) == NULL)
        return bit_fail(-ENOTSUP, "backend %d is not in this build", (int)backend);
    if (threads < 0)
        return bit_fail(-EINVAL, "%d threads", threads);
    if (threads == 0)
        e.threads = usable_cores();
    err = ops_of(&e)->open(&e, wanted_device);
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
    ops_of(&e)->describe(&e, e.description, sizeof e.description);
    *exec = e;
    return 0;
}

void bit_exec_finish(struct bit_exec *exec)
{
    bit_exec_free(exec, exec->workspace, exec->workspace_bytes);
    ops_of(exec)->close(exec);
    memset(exec, 0, sizeof *exec);
}

/* ---- memory */

int bit_exec_alloc(struct bit_exec *exec, size_t bytes, void **out)
{
    return ops_of(exec)->alloc(exec, bytes, out);
}

void bit_exec_free(struct bit_exec *exec, void *memory, size_t bytes)
{
    if (memory != NULL)
        ops_of(exec)->free(exec, memory, bytes);
}

int bit_exec_alloc_host(struct bit_exec *exec, size_t bytes, void **out)
{
    return ops_of(exec)->alloc_host(exec, bytes, out);
}

void bit_exec_free_host(struct bit_exec *exec, void *memory, size_t bytes)
{
    if (memory != NULL)
        ops_of(exec)->free_host(exec, memory, bytes);
}

int bit_exec_copy(const struct bit_exec *exec, void *to, const void *from, size_t bytes)
{
    return bytes == 0 ? 0 : ops_of(exec)->copy(exec, to, from, bytes);
}

int bit_exec_zero(const struct bit_exec *exec, void *memory, size_t bytes)
{
    return bytes == 0 ? 0 : ops_of(exec)->zero(exec, memory, bytes);
}

int bit_exec_wait(const struct bit_exec *exec)
{
    return ops_of(exec)->wait(exec);
}

/* ---- marks */

static double clock_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* NULL: marks use the host's clock. */
static const struct bit_mark_ops *marks_of(const struct bit_mark *mark)
{
    return bit_backend_find(mark->backend)->mark;
}

int bit_mark_init(struct bit_mark *mark, const struct bit_exec *exec)
{
    *mark = (struct bit_mark){.backend = exec->backend};
    return marks_of(mark) == NULL ? 0 : marks_of(mark)->init(mark);
}

void bit_mark_finish(struct bit_mark *mark)
{
    if (marks_of(mark) != NULL)
        marks_of(mark)->finish(mark);
    *mark = (struct bit_mark){0};
}

int bit_mark_set(struct bit_mark *mark, const struct bit_exec *exec)
{
    mark->ms = clock_ms();
    return marks_of(mark) == NULL ? 0 : marks_of(mark)->set(mark, exec);
}

double bit_mark_ms(const struct bit_mark *from, const struct bit_mark *to)
{
    return marks_of(from) == NULL ? to->ms - from->ms : marks_of(from)->ms(from, to);
}
