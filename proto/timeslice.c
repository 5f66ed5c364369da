#include "proto/timeslice.h"

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLICE_NS      100000
#define RESET_ON_FORK 1 /* SCHED_FLAG_RESET_ON_FORK: the workers that bitd starts keep the turns of everybody */

/* sched_setattr(2): glibc has neither the call nor the struct before 2.41. */
struct sched_attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

void bit_timeslice_shorten(void)
{
    struct sched_attributes a = {0};

    if (syscall(SYS_sched_getattr, 0, &a, sizeof a, 0) < 0 || a.policy != 0)
        return; /* somebody chose another policy: it stays */
    a.size = sizeof a;
    a.flags = RESET_ON_FORK;
    a.runtime_ns = SLICE_NS;
    /* A kernel that does not know this ignores it or refuses; both leave things as they were. */
    (void)syscall(SYS_sched_setattr, 0, &a, 0);
}
