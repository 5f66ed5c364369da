/*
 * What a field of a grid does: two values of it compared over all branches that are alike in everything else. Pure.
 *
 * With few seeds a pair of branches tells little, for the noise of each is in it. Of two values of a field there are as
 * many matched pairs of branches as the other fields of the grid have values together, and their mean has less noise.
 *
 * Grid       branches that set the same fields. A field varies in it where two of them have different values. Fields
 *            that never have different values apart from each other go along, as width and heads, and count as one.
 *            A grid in which one field alone varies has no effects: its pairs of branches say the same.
 * Effect     of values u and v of a field: every branch with u is matched with the one with v that is alike in all
 *            fields but those that go along.
 * Single     a branch that is matched with none. It is compared with each value v of one field, the first that varies
 *            in the grid and has another value, or none, in the single branch: it is matched with every branch with v.
 *
 * A matched pair counts if some seed has a value in both; a seed counts if all of these pairs have a value of it, so
 * that all seeds' means are over the same pairs. Of each seed the differences are averaged over pairs; these means, one
 * a seed, are what is tested (paired t, seeds - 1 degrees of freedom): pairs of one seed are not independent.
 */
#ifndef BIT_CTL_EFFECTS_H
#define BIT_CTL_EFFECTS_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/compare/t_test.h"

struct bit_effects_asked {
    size_t branches, fields, seeds;
    const char *const *set; /* (branches, fields): the value that a branch sets; NULL: it leaves the field as it is */
    const double *value;    /* (branches, seeds): what was measured; not finite: nothing */
};

struct bit_effect {
    size_t field;
    size_t lower, higher;   /* a branch with the value that has the lower mean, and one with the other value */
    size_t single;          /* lower or higher, where that one is a single branch; else SIZE_MAX */
    size_t pairs, seeds;    /* matched pairs of branches; seeds that all of them have */
    size_t agree;           /* of pairs x seeds: those in which the lower one is lower, too */
    struct bit_t_test test; /* higher less lower */
    double p_holm;          /* after Holm, over all effects that are found together */
};

/** All effects, those of fields first; free()d by the caller. Values that share no seed have none. -ENOMEM. */
int bit_effects_find(const struct bit_effects_asked *asked, struct bit_effect **out, size_t *count);
/** Whether `other` goes along with `field` in the grid that `branch` is of. */
bool bit_effects_go_along(const struct bit_effects_asked *asked, size_t branch, size_t field, size_t other);

#endif
