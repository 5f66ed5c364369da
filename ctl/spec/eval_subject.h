/* Finds what `bitctl eval` evaluates: a run's checkpoint, or a model at a path. */
#ifndef BIT_CTL_EVAL_SUBJECT_H
#define BIT_CTL_EVAL_SUBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl/cli/verb.h"
#include "ctl/client/checkpoint_of.h"
#include "proto/bit.pb-c.h"
#include "proto/limits.h"

struct bit_eval_subject {
    char *path;         /* of the folder or file; owned */
    Bit__RunSpec *spec; /* the specification it was trained by; owned; NULL: unknown */
    bool is_run;
    struct bit_checkpoint_choice choice; /* of a run */
    bool describes_itself;               /* spec is unknown, but the folder has a config.json */
    bool ternary;                        /* the phase in which it was written is ternary */
    char name[BIT_NAME_MAX + 1];         /* name of the run that will evaluate it: "eval-keep-4000" */
};

/**
 * Find it. `what` is a path if it has a slash, is a folder with a model, or ends in .safetensors. Otherwise it is a
 * run, of which the checkpoint of *step is taken, or the newest (NULL). A checkpoint's spec is that of its manifest; a
 * run's has all changes since, and the micro-batch that its workers chose. The caller finishes *out, also on failure.
 * Returns     0, or the exit code after the reason was printed
 */
int bit_eval_subject_find(struct bit_cli *cli, const char *what, const uint64_t *step, struct bit_eval_subject *out);
void bit_eval_subject_finish(struct bit_eval_subject *s);

#endif
