/* What a rank is doing, and how long each kind of thing has taken since the step began. */
#ifndef BIT_WORKER_SECTIONS_H
#define BIT_WORKER_SECTIONS_H

#include <stdatomic.h>

#include "kernels/exec/exec.h"

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

#define BIT_SECTION_MARKS 2048 /* of one step; what comes after is counted to the last */

/*
 * On a GPU the host is ahead of the work, so sections are measured where the work is done: each entry leaves a mark
 * after what was enqueued, and bit_sections_settle reads the marks.
 */
struct bit_sections {
    double ms[BIT_SECTIONS];
    double since_ms;
    atomic_int now;     /* the heartbeat reads these two from its own thread */
    atomic_ullong step; /* the last one done */

    const struct bit_exec *exec; /* borrowed; NULL: sections are measured by the host's clock */
    struct bit_mark *marks;      /* (BIT_SECTION_MARKS); owned */
    int *marked;                 /* which section begins at each; owned */
    int mark_count;
};

/** "forward", for the heartbeat. */
const char *bit_section_name(int section);
/** Forget all times; `section` begins. */
void bit_sections_restart(struct bit_sections *s, enum bit_section section);
/** What passed belongs to the section so far; `section` begins. Returns the one before. */
enum bit_section bit_section_enter(struct bit_sections *s, enum bit_section section);
/** All times up to now are in s->ms. The caller has waited for what is enqueued. */
void bit_sections_settle(struct bit_sections *s);
/** From here on measure where `exec` works, if that is not the host. Errors: -ENOMEM, BIT_ECUDA */
int bit_sections_attach(struct bit_sections *s, const struct bit_exec *exec);
/** Before `exec` goes. Fine for sections that were never attached. */
void bit_sections_detach(struct bit_sections *s);

#endif
