/* A test program whose ranks all run the same tests. */
#ifndef BIT_TESTS_MPI_MPI_TEST_H
#define BIT_TESTS_MPI_MPI_TEST_H

#include <mpi.h>

#include "tests/test.h"
#include "worker/ranks/comm.h"

static struct bit_comm comm;

#define MPI_TEST_MAIN                                                                                                  \
    int main(int argc, char **argv)                                                                                    \
    {                                                                                                                  \
        int result;                                                                                                    \
        if (MPI_Init(&argc, &argv) != MPI_SUCCESS || bit_comm_init(&comm, MPI_COMM_WORLD) < 0)                         \
            return 1;                                                                                                  \
        result = test_run_all(argc, argv);                                                                             \
        bit_comm_finish(&comm);                                                                                        \
        MPI_Finalize();                                                                                                \
        return result;                                                                                                 \
    }

/* The same values on every rank and in every run. */
static inline uint64_t mix(uint64_t v)
{
    v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
    v = (v ^ v >> 27) * 0x94d049bb133111ebu;
    return v ^ v >> 31;
}

static inline float value_of(uint64_t seed, int64_t i)
{
    return (float)((double)(mix(seed * 0x9e3779b97f4a7c15u + (uint64_t)i + 1) >> 11) * 0x1p-53 - 0.5);
}

#endif
