/*
 * A run's curves, read from bitd: its steps as they are part of it (run_line.h), those before a fork from its parents'
 * journals.
 *
 * A journal is read without its steps first; once more with them where it has what takes a run back; and then for the
 * values, which are smoothed and thinned as they come, so that memory is bounded however long it is.
 */
#ifndef BIT_CTL_RUN_CURVES_H
#define BIT_CTL_RUN_CURVES_H

#include "ctl/chart/thin.h"
#include "ctl/cli/verb.h"
#include "ctl/client/curve_wish.h"

struct bit_run_curve {
    struct bit_thin_point *point; /* by step */
    size_t count;
    uint64_t every; /* 1: every value is there; else the extremes of every so many steps */
};

struct bit_run_curves {
    Bit__RunStatus *status;      /* with the specification */
    struct bit_run_curve *curve; /* of each wish */
    size_t count;
    uint64_t switch_after; /* the last 16-bit step; UINT64_MAX: it has not switched */
    uint64_t step_tokens;  /* instances x context */
    uint64_t gone_until;   /* steps up to here are those of a parent that is no more; 0: the curves are whole */
    char gone[BIT_RUN_ID_MAX];
};

struct bit_run_curves_bounds {
    uint64_t from, to; /* steps; what is outside is still averaged with what is within */
    size_t smooth;  /* values that are averaged: each with those before it, but never across the switch; 0, 1: none */
    size_t buckets; /* bit_thin_init's */
};

/** The run's status alone, so that bounds can be chosen by it. The exit code, 0 on success. */
int bit_run_curves_open(struct bit_cli *cli, const char *run, struct bit_run_curves *out);
/** Its curves, one for each wish. The exit code, with everything said that there is to say. */
int bit_run_curves_read(struct bit_cli *cli, const struct bit_curve_wish *wish, size_t count,
                        const struct bit_run_curves_bounds *bounds, struct bit_run_curves *curves);
void bit_run_curves_finish(struct bit_run_curves *curves);
/** Say on stderr what is not there of an opened and read run: a parent that is no more. */
void bit_run_curves_tell(const struct bit_cli *cli, const struct bit_run_curves *curves);

#endif
