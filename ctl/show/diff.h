/* Compares two runs, or two attempts of one, step by step, for `bitctl diff`. */
#ifndef BIT_CTL_DIFF_H
#define BIT_CTL_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/bit.pb-c.h"
#include "proto/chain.h"

#define BIT_DIFF_SETTINGS_MAX 64

/* The steps of one side, each as the journal records it last. */
struct bit_diff_steps {
    struct bit_fact *fact; /* of step first + i; owned */
    bool *known;           /* likewise: whether this side did the step */
    uint64_t first, last;  /* 0 if there are none */
    size_t capacity;
    struct bit_machine machine; /* of the last attempt that was read */
    uint32_t attempt;           /* of the last record */
    uint32_t wanted;            /* read only this attempt; 0: each step as it was done last */
    uint64_t until;             /* the record that ended that attempt; 0: none */
};

void bit_diff_finish(struct bit_diff_steps *s);
/** Take the next record of the journal. -ENOMEM. */
int bit_diff_note(struct bit_diff_steps *s, const Bit__JournalRecord *record);
/** The facts of a step, or NULL. */
const struct bit_fact *bit_diff_fact(const struct bit_diff_steps *s, uint64_t step);

/* A setting of the specification that differs. */
struct bit_diff_setting {
    char path[96], a[96], b[96];
};
/**
 * The settings that differ, at most BIT_DIFF_SETTINGS_MAX, in the order of bit.proto; "-" means absent. `always` (or
 * NULL) is a setting that is included even if it is the same.
 */
size_t bit_diff_settings(const Bit__RunSpec *a, const Bit__RunSpec *b, const char *always,
                         struct bit_diff_setting *out);

/**
 * In a specification with all changes applied, undo those of record `until` and after it, from the last to the first:
 * the result is what was in force before. Returns the number of changes left. BIT_ESPEC, -ENOMEM.
 */
int bit_diff_take_back(Bit__RunSpec *spec, Bit__Change *const *change, size_t count, uint64_t until);
/** Whether the last of these changes of a setting was made after steps had been done without it. */
bool bit_diff_changed_midway(Bit__Change *const *change, size_t count, const char *setting);

struct bit_diff_result {
    uint64_t from, to;  /* steps that both have; from > to: none */
    bool comparable;    /* both add sums in the same order */
    char machines[256]; /* why not comparable */
    uint64_t step;      /* of the first difference; 0: none */
    struct bit_difference first;
};
void bit_diff_compare(const struct bit_diff_steps *a, const struct bit_diff_steps *b, struct bit_diff_result *out);

#endif
