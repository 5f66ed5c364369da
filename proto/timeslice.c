#include "proto/timeslice.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLICE_NS      100000
#define RESET_ON_FORK 1 /* SCHED_FLAG_RESET_ON_FORK: the workers that bitd starts get the default time slice */

/* sched_setattr(2): glibc has neither the call nor the struct before 2.41. */
struct sched_attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

/* Policies of the kernel's fair class. A BATCH thread that wakes preempts no other thread. */
enum { OTHER = 0, BATCH = 3 };

/* A kernel without support ignores or refuses the request; either way nothing changes. */
static bool change(uint32_t from, uint32_t to, uint64_t runtime_ns)
{
    struct sched_attributes a = {0};

    if (syscall(SYS_sched_getattr, 0, &a, sizeof a, 0) < 0 || a.policy != from)
        return false; /* another policy was chosen on purpose: keep it */
    a.size = sizeof a;
    a.policy = to;
    a.flags = RESET_ON_FORK;
    a.runtime_ns = runtime_ns;
    return syscall(SYS_sched_setattr, 0, &a, 0) == 0;
}

void bit_timeslice_shorten(void)
{
    (void)change(OTHER, OTHER, SLICE_NS);
}

bool bit_timeslice_yield(void)
{
    return change(OTHER, BATCH, 0);
}

void bit_timeslice_resume(bool yielded)
{
    if (yielded)
        (void)change(BATCH, OTHER, SLICE_NS);
}
