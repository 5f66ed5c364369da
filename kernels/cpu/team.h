/* The number of this thread in its team, and the size of the team; 0 and 1 if the build has no OpenMP. */
#ifndef BIT_KERNELS_CPU_TEAM_H
#define BIT_KERNELS_CPU_TEAM_H

#if defined(_OPENMP)
#include <omp.h>

static inline int bit_team_member(void)
{
    return omp_get_thread_num();
}

static inline int bit_team_size(void)
{
    return omp_get_num_threads();
}
#else
static inline int bit_team_member(void)
{
    return 0;
}

static inline int bit_team_size(void)
{
    return 1;
}
#endif

#endif
