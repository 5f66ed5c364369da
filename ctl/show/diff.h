/* Two runs, or two attempts of one, step by step: what `bitctl diff` compares. */
#ifndef BIT_CTL_DIFF_H
#define BIT_CTL_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/bit.pb-c.h"
#include "proto/chain.h"

#define BIT_DIFF_SETTINGS_MAX 64

/* The steps of one side, as its journal has them last. */
struct bit_diff_steps {
    struct bit_fact *fact; /* of step first + i; owned */
    bool *known;           /* likewise: whether this side did it */
    uint64_t first, last;  /* 0 where there are none */
    size_t capacity;
    struct bit_machine machine; /* of the last attempt that was taken */
    uint32_t attempt;           /* of the record that was noted last */
    uint32_t wanted;            /* only this attempt; 0: each step as it was done last */
    uint64_t until;             /* record that ended that attempt; 0: there is none */
};

void bit_diff_finish(struct bit_diff_steps *s);
/** Take one record of the journal, in order. -ENOMEM. */
int bit_diff_note(struct bit_diff_steps *s, const Bit__JournalRecord *record);
/** The facts of a step, or NULL. */
const struct bit_fact *bit_diff_fact(const struct bit_diff_steps *s, uint64_t step);

/* One setting of the specification that is not the same. */
struct bit_diff_setting {
    char path[96], a[96], b[96];
};
/**
 * Settings that differ, at most BIT_DIFF_SETTINGS_MAX, in the order of bit.proto; "-" stands for absent. With `always`
 * (or NULL), this one even if it is the same.
 */
size_t bit_diff_settings(const Bit__RunSpec *a, const Bit__RunSpec *b, const char *always,
                         struct bit_diff_setting *out);

/**
 * Of a specification with all changes: take back those of record `until` and after it, the last one first, so that it
 * is what was carried out before. Returns how many changes are left. BIT_ESPEC, -ENOMEM.
 */
int bit_diff_take_back(Bit__RunSpec *spec, Bit__Change *const *change, size_t count, uint64_t until);
/** Whether the last of these changes of a setting came after a step was done without it. */
bool bit_diff_changed_midway(Bit__Change *const *change, size_t count, const char *setting);

struct bit_diff_result {
    uint64_t from, to;  /* steps that both have; from > to: none */
    bool comparable;    /* sums are added in the same order */
    char machines[256]; /* why not */
    uint64_t step;      /* of the first difference; 0: none */
    struct bit_difference first;
};
void bit_diff_compare(const struct bit_diff_steps *a, const struct bit_diff_steps *b, struct bit_diff_result *out);

#endif
