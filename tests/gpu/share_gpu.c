/*
 * Preloaded into bitworker: ranks share the first GPU, as if each were on a host of its own. NCCL takes no two ranks of one
 * host on one GPU; between hosts it has its sockets. So what NCCL is asked for can be tested with a single GPU, though no
 * speed of it says anything.
 */
#include <mpi.h>
#include <stdlib.h>

__attribute__((constructor)) static void be_another_host(void)
{
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");

    if (rank != NULL)
        setenv("NCCL_HOSTID", rank, 1);
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
