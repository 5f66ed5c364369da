#include "proto/timeslice.h"

#include <stdbool.h>
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

/* The policies of the kernel's fair class: threads that wake under the second preempt nobody. */
enum { OTHER = 0, BATCH = 3 };

/* A kernel that does not know what is asked ignores or refuses it; both leave things as they were. */
static bool change(uint32_t from, uint32_t to, uint64_t runtime_ns)
{
    struct sched_attributes a = {0};

    if (syscall(SYS_sched_getattr, 0, &a, sizeof a, 0) < 0 || a.policy != from)
        return false; /* somebody chose another policy: it stays */
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
