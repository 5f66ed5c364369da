/* What `bitctl eval` evaluates: a run's checkpoint, or a model that lies somewhere, and what is known of it. */
#ifndef BIT_CTL_EVAL_SUBJECT_H
#define BIT_CTL_EVAL_SUBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl/cli/verb.h"
#include "proto/bit.pb-c.h"
#include "proto/limits.h"

struct bit_eval_subject {
    char *path;         /* of a folder or a file; owned */
    Bit__RunSpec *spec; /* that it was trained by; owned; NULL: not known */
    bool is_run;
    bool describes_itself;       /* not known, but its folder has a config.json */
    bool ternary;                /* the phase that it was written in */
    char name[BIT_NAME_MAX + 1]; /* for the run that evaluates it: "eval-keep-4000" */
};

/**
 * Find it. `what` is a path if it has a slash or is a file or a folder with a model that is here, else a run, of which
 * the checkpoint of *step is taken, or the newest (NULL). A checkpoint's spec is its manifest's, a run's is as changed
 * since, with the micro-batch that its workers settled. *out is finished by the caller, also on failure.
 * Returns     0, or the exit code after everything was said
 */
int bit_eval_subject_find(struct bit_cli *cli, const char *what, const uint64_t *step, struct bit_eval_subject *out);
void bit_eval_subject_finish(struct bit_eval_subject *s);

#endif
