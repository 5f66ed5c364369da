#include "worker/sections.h"

#include <string.h>

#include "proto/check.h"
#include "worker/clock.h"

const char *bit_section_name(int section)
{
    static const char *const name[] = {"wait",  "forward", "backward",   "comm",     "optimizer", "other",
                                       "start", "switch",  "checkpoint", "evaluate", "stop"};

    BIT_ASSERT(BIT_COUNT(name) == BIT_SECTIONS && section >= 0 && section < BIT_SECTIONS);
    return name[section];
}

void bit_sections_restart(struct bit_sections *s, enum bit_section section)
{
    memset(s->ms, 0, sizeof s->ms);
    s->since_ms = bit_clock_ms();
    atomic_store(&s->now, section);
}

enum bit_section bit_section_enter(struct bit_sections *s, enum bit_section section)
{
    const double now_ms = bit_clock_ms();
    const int before = atomic_exchange(&s->now, section);

    s->ms[before] += now_ms - s->since_ms;
    s->since_ms = now_ms;
    return (enum bit_section)before;
}

void bit_section_move(struct bit_sections *s, enum bit_section from, enum bit_section to, double ms)
{
    s->ms[from] -= ms;
    s->ms[to] += ms;
}
