/* What a rank is doing, and how long each kind of thing has taken since the step began. */
#ifndef BIT_WORKER_SECTIONS_H
#define BIT_WORKER_SECTIONS_H

#include <stdatomic.h>

enum bit_section {
    BIT_SECTION_WAIT, /* for an order */
    BIT_SECTION_FORWARD,
    BIT_SECTION_BACKWARD,
    BIT_SECTION_COMM,
    BIT_SECTION_OPTIMIZER,
    BIT_SECTION_OTHER,
    BIT_SECTION_SPLIT, /* so many are a step's; the rest lie between steps */
    BIT_SECTION_START = BIT_SECTION_SPLIT,
    BIT_SECTION_SWITCH,
    BIT_SECTION_CHECKPOINT,
    BIT_SECTION_EVALUATE,
    BIT_SECTION_STOP,
    BIT_SECTIONS
};

struct bit_sections {
    double ms[BIT_SECTIONS];
    double since_ms;
    atomic_int now;     /* the heartbeat reads these two from its own thread */
    atomic_ullong step; /* the last one done */
};

/** "forward", for the heartbeat. */
const char *bit_section_name(int section);
/** Forget all times; `section` begins. */
void bit_sections_restart(struct bit_sections *s, enum bit_section section);
/** What passed belongs to the section so far; `section` begins. Returns the one before. */
enum bit_section bit_section_enter(struct bit_sections *s, enum bit_section section);
/** Of what `from` has, ms were `to`'s. */
void bit_section_move(struct bit_sections *s, enum bit_section from, enum bit_section to, double ms);

#endif
