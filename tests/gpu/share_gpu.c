/*
 * Preloaded: ranks share the first GPU, as if each were on its own host. NCCL refuses two ranks of a host on one
 * GPU; between hosts it uses sockets. So NCCL's calls can be tested with a single GPU, but speeds mean nothing. For
 * processes that are not ranks, above all `bitworker --plan`, there appear to be 64 GPUs, enough for all ranks.
 */
#include <dlfcn.h>
#include <mpi.h>
#include <stddef.h>
#include <stdlib.h>

static const char *rank(void)
{
    return getenv("OMPI_COMM_WORLD_RANK");
}

__attribute__((constructor)) static void be_another_host(void)
{
    if (rank() != NULL)
        setenv("NCCL_HOSTID", rank(), 1);
}

/* The ranks of this machine: only this one. */
int MPI_Comm_split_type(MPI_Comm comm, int type, int key, MPI_Info info, MPI_Comm *out)
{
    (void)comm;
    (void)type;
    (void)key;
    (void)info;
    return MPI_Comm_dup(MPI_COMM_SELF, out);
}

int cudaGetDeviceCount(int *count); /* libcudart's, whose cudaError_t is an int */
int cudaGetDeviceCount(int *count)
{
    int (*const real)(int *) = (int (*)(int *))dlsym(RTLD_NEXT, "cudaGetDeviceCount");
    const int result = real != NULL ? real(count) : -1;

    if (result == 0 && *count > 0 && rank() == NULL)
        *count = 64;
    return result;
}
