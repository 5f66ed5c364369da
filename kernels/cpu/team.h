/* Which thread of the team this is, and how many there are; one where the build has no OpenMP. */
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
