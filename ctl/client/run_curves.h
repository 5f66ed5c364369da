/*
 * Reads a run's curves from bitd: the steps that belong to it (run_line.h), and those before a fork from its parents'
 * journals.
 *
 * A journal is first read without its steps. If it has more than one launch, or a rewind or a resume, it is read again
 * with them. The last reading takes the values, which are smoothed and thinned as they come, so that memory is bounded
 * for a journal of any length.
 */
#ifndef BIT_CTL_RUN_CURVES_H
#define BIT_CTL_RUN_CURVES_H

#include "ctl/chart/thin.h"
#include "ctl/cli/verb.h"
#include "ctl/client/curve_wish.h"

struct bit_run_curve {
    struct bit_thin_point *point; /* by step */
    size_t count;
    uint64_t every; /* 1: all values are in point; else only the extremes of every so many steps */
};

struct bit_run_curves {
    Bit__RunStatus *status;      /* with the specification */
    struct bit_run_curve *curve; /* of each wish */
    size_t count;
    uint64_t switch_after; /* the last 16-bit step; UINT64_MAX: it has not switched */
    uint64_t step_tokens;  /* instances x context */
    uint64_t gone_until;   /* steps up to here were those of a parent that was removed; 0: the curves are complete */
    char gone[BIT_RUN_ID_MAX];
};

struct bit_run_curves_bounds {
    uint64_t from, to; /* steps; values outside still count in the averages of those within */
    size_t smooth;     /* values averaged: each with those before it, but never across the switch; 0, 1: no smoothing */
    size_t buckets;    /* see bit_thin_init */
};

/** The run's status alone, so that the caller can choose bounds by it. The exit code, 0 on success. */
int bit_run_curves_open(struct bit_cli *cli, const char *run, struct bit_run_curves *out);
/** Read its curves, one for each wish. The exit code, after everything was printed. */
int bit_run_curves_read(struct bit_cli *cli, const struct bit_curve_wish *wish, size_t count,
                        const struct bit_run_curves_bounds *bounds, struct bit_run_curves *curves);
void bit_run_curves_finish(struct bit_run_curves *curves);
/** Print on stderr what a run that was read lacks: the steps of a parent that was removed. */
void bit_run_curves_tell(const struct bit_cli *cli, const struct bit_run_curves *curves);

#endif
