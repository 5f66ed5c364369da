#include "worker/ranks/host_view.h"

#include "proto/check.h"

static bool is_elsewhere(const struct bit_host_view *view)
{
    return view->exec->backend == BIT_BACKEND_CUDA;
}

int bit_host_view_init(struct bit_host_view *view, struct bit_exec *exec)
{
    *view = (struct bit_host_view){.exec = exec};
    if (!is_elsewhere(view))
        return 0;
    return bit_exec_alloc_host(exec, BIT_HOST_VIEW_ELEMENTS * sizeof *view->host, (void **)&view->host);
}

void bit_host_view_finish(struct bit_host_view *view)
{
    if (view->exec != NULL)
        bit_exec_free_host(view->exec, view->host, BIT_HOST_VIEW_ELEMENTS * sizeof *view->host);
    *view = (struct bit_host_view){0};
}

int bit_host_view_read(struct bit_host_view *view, const float *vector, int64_t count, const float **piece)
{
    int err;

    BIT_ASSERT(count <= BIT_HOST_VIEW_ELEMENTS);
    *piece = vector;
    if (!is_elsewhere(view))
        return 0;
    *piece = view->host;
    err = bit_exec_copy(view->exec, view->host, vector, (size_t)count * sizeof *vector);
    return err < 0 ? err : bit_exec_wait(view->exec);
}

float *bit_host_view_write(struct bit_host_view *view, float *vector, int64_t count)
{
    BIT_ASSERT(count <= BIT_HOST_VIEW_ELEMENTS);
    return is_elsewhere(view) ? view->host : vector;
}

int bit_host_view_commit(struct bit_host_view *view, float *vector, int64_t count)
{
    int err;

    if (!is_elsewhere(view))
        return 0;
    err = bit_exec_copy(view->exec, vector, view->host, (size_t)count * sizeof *vector);
    return err < 0 ? err : bit_exec_wait(view->exec);
}
