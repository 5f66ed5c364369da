/* Which thread of the team this is; the only member where the build has no OpenMP. */
#ifndef BIT_KERNELS_TEAM_H
#define BIT_KERNELS_TEAM_H

#if defined(_OPENMP)
#include <omp.h>

static inline int bit_team_member(void)
{
    return omp_get_thread_num();
}
#else
static inline int bit_team_member(void)
{
    return 0;
}
#endif

#endif
