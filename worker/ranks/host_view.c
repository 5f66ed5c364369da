#include "worker/ranks/host_view.h"

#include "proto/check.h"

#define HOST_BYTES ((size_t)BIT_HOST_VIEW_ELEMENTS * sizeof(float))

static bool is_elsewhere(const struct bit_host_view *view)
{
    return view->exec->backend == BIT_BACKEND_CUDA;
}

int bit_host_view_init(struct bit_host_view *view, struct bit_exec *exec)
{
    *view = (struct bit_host_view){.exec = exec};
    if (!is_elsewhere(view))
        return 0;
    return bit_exec_alloc_host(exec, HOST_BYTES, &view->host);
}

void bit_host_view_finish(struct bit_host_view *view)
{
    if (view->exec != NULL)
        bit_exec_free_host(view->exec, view->host, HOST_BYTES);
    *view = (struct bit_host_view){0};
}

int bit_host_view_read(struct bit_host_view *view, const void *vector, size_t bytes, const void **piece)
{
    int err;

    BIT_ASSERT(bytes <= HOST_BYTES);
    *piece = vector;
    if (!is_elsewhere(view))
        return 0;
    *piece = view->host;
    err = bit_exec_copy(view->exec, view->host, vector, bytes);
    return err < 0 ? err : bit_exec_wait(view->exec);
}

void *bit_host_view_write(struct bit_host_view *view, void *vector, size_t bytes)
{
    BIT_ASSERT(bytes <= HOST_BYTES);
    return is_elsewhere(view) ? view->host : vector;
}

int bit_host_view_commit(struct bit_host_view *view, void *vector, size_t bytes)
{
    int err;

    if (!is_elsewhere(view))
        return 0;
    err = bit_exec_copy(view->exec, vector, view->host, bytes);
    return err < 0 ? err : bit_exec_wait(view->exec);
}
