/*
 * Effects of the fields of a grid: two values of a field are compared over all branches that are equal in everything
 * else. Pure.
 *
 * With few seeds one pair of branches says little, because it contains the noise of both. For two values of a field
 * there are as many matched pairs of branches as there are combinations of the other fields, and their mean has less
 * noise.
 *
 * Grid       the branches that set the same fields. A field varies if two of them have different values of it. Fields
 *            whose values always change together, as width and heads, go along with each other and count as one. A
 *            grid in which only one field varies has no effects: comparing its branches in pairs gives the same.
 * Effect     of values u and v of a field: every branch with u is matched with the branch with v that is equal in all
 *            fields, except those that go along.
 * Single     a branch that matches no other. It is compared with each value v of one field: the first varying field
 *            whose value in the single branch does not occur in the grid, else the first varying field. It is matched
 *            with every branch that has v.
 *
 * A matched pair counts if some seed has a value in both branches. A seed counts if all of these pairs have a value of
 * it, so that all seeds' means are over the same pairs. For each seed the differences are averaged over the pairs.
 * These means, one for each seed, are tested (paired t, seeds - 1 degrees of freedom): pairs of one seed are not
 * independent.
 */
#ifndef BIT_CTL_EFFECTS_H
#define BIT_CTL_EFFECTS_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/compare/t_test.h"

struct bit_effects_asked {
    size_t branches, fields, seeds;
    const char *const *set; /* (branches, fields): the value that a branch sets; NULL: it does not set the field */
    const double *value;    /* (branches, seeds): the measured value; not finite: none */
};

struct bit_effect {
    size_t field;
    size_t lower, higher;   /* a branch with the value that has the lower mean, and one with the other value */
    size_t single;          /* lower or higher, if that one is a single branch; else SIZE_MAX */
    size_t pairs, seeds;    /* matched pairs of branches; seeds that all pairs have */
    size_t agree;           /* in how many of pairs x seeds the lower one is lower too */
    struct bit_t_test test; /* the difference is higher minus lower */
    double p_holm;          /* after Holm, over all effects found in one call */
};

/** Find all effects, those of fields first; free()d by the caller. Values without a common seed have none. -ENOMEM. */
int bit_effects_find(const struct bit_effects_asked *asked, struct bit_effect **out, size_t *count);
/** Whether `other` goes along with `field` in the grid of `branch`. */
bool bit_effects_go_along(const struct bit_effects_asked *asked, size_t branch, size_t field, size_t other);

#endif
