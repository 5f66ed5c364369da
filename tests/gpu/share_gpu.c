/*
 * Preloaded: ranks share the first GPU, as if each were on a host of its own. NCCL takes no two ranks of one host on one GPU;
 * between hosts it has its sockets. So what NCCL is asked for can be tested with a single GPU, though no speed of it says
 * anything. What is no rank, `bitworker --plan` above all, finds a GPU for everybody.
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

/* The ranks of this machine: this one alone. */
int MPI_Comm_split_type(MPI_Comm comm, int type, int key, MPI_Info info, MPI_Comm *out)
{
    (void)comm;
    (void)type;
    (void)key;
    (void)info;
    return MPI_Comm_dup(MPI_COMM_SELF, out);
}

int cudaGetDeviceCount(int *count); /* of libcudart, with cudaError_t, an int */
int cudaGetDeviceCount(int *count)
{
    int (*const real)(int *) = (int (*)(int *))dlsym(RTLD_NEXT, "cudaGetDeviceCount");
    const int result = real != NULL ? real(count) : -1;

    if (result == 0 && *count > 0 && rank() == NULL)
        *count = 64;
    return result;
}
