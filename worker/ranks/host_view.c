#include "worker/ranks/host_view.h"

#include "proto/check.h"

static bool is_elsewhere(const struct bit_window *window)
{
    return window->exec->backend == BIT_BACKEND_CUDA;
}

int bit_window_init(struct bit_window *window, struct bit_exec *exec)
{
    *window = (struct bit_window){.exec = exec};
    if (!is_elsewhere(window))
        return 0;
    return bit_exec_alloc_host(exec, BIT_WINDOW_ELEMENTS * sizeof *window->host, (void **)&window->host);
}

void bit_window_finish(struct bit_window *window)
{
    if (window->exec != NULL)
        bit_exec_free_host(window->exec, window->host, BIT_WINDOW_ELEMENTS * sizeof *window->host);
    *window = (struct bit_window){0};
}

int bit_window_read(struct bit_window *window, const float *vector, int64_t count, const float **piece)
{
    int err;

    BIT_ASSERT(count <= BIT_WINDOW_ELEMENTS);
    *piece = vector;
    if (!is_elsewhere(window))
        return 0;
    *piece = window->host;
    err = bit_exec_copy(window->exec, window->host, vector, (size_t)count * sizeof *vector);
    return err < 0 ? err : bit_exec_wait(window->exec);
}

float *bit_window_write(struct bit_window *window, float *vector, int64_t count)
{
    BIT_ASSERT(count <= BIT_WINDOW_ELEMENTS);
    return is_elsewhere(window) ? window->host : vector;
}

int bit_window_commit(struct bit_window *window, float *vector, int64_t count)
{
    int err;

    if (!is_elsewhere(window))
        return 0;
    err = bit_exec_copy(window->exec, vector, window->host, (size_t)count * sizeof *vector);
    return err < 0 ? err : bit_exec_wait(window->exec);
}
