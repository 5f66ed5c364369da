/* What a rank is doing, and how long each section has taken since the step began. */
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
    BIT_SECTION_SPLIT, /* the number of sections within a step; the rest lie between steps */
    BIT_SECTION_START = BIT_SECTION_SPLIT,
    BIT_SECTION_SWITCH,
    BIT_SECTION_CHECKPOINT,
    BIT_SECTION_EVALUATE,
    BIT_SECTION_STOP,
    BIT_SECTIONS
};

#define BIT_SECTION_MARKS 2048 /* per step; time after the last one is counted to its section */

/*
 * On a GPU the host runs ahead of the work, so sections are measured on the GPU: each entry enqueues a mark after the
 * work so far, and bit_sections_settle reads the marks.
 */
struct bit_sections {
    double ms[BIT_SECTIONS];
    double since_ms;
    atomic_int now;     /* the heartbeat reads these two from its own thread */
    atomic_ullong step; /* the last step done */

    const struct bit_exec *exec; /* borrowed; NULL: sections are measured by the host's clock */
    struct bit_mark *marks;      /* (BIT_SECTION_MARKS); owned */
    int *marked;                 /* the section that begins at each mark; owned */
    int mark_count;
};

/** The section's name, such as "forward", for the heartbeat. */
const char *bit_section_name(int section);
/** Zero all times; `section` begins. */
void bit_sections_restart(struct bit_sections *s, enum bit_section section);
/** The time since the last entry is added to the section so far; `section` begins. Returns the one before. */
enum bit_section bit_section_enter(struct bit_sections *s, enum bit_section section);
/** Bring s->ms up to date. The caller has waited for what is enqueued. */
void bit_sections_settle(struct bit_sections *s);
/** From now on measure on exec's GPU, if it has one. Errors: -ENOMEM, BIT_ECUDA */
int bit_sections_attach(struct bit_sections *s, const struct bit_exec *exec);
/** Call before `exec` is finished. Takes sections that were never attached, too. */
void bit_sections_detach(struct bit_sections *s);

#endif
