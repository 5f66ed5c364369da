/* The specification of a run without steps, made of what `bitctl eval` is given. */
#ifndef BIT_CTL_EVAL_SPEC_H
#define BIT_CTL_EVAL_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl/cli/verb.h"
#include "proto/bit.pb-c.h"
#include "proto/limits.h"

#define BIT_EVAL_SPEC_ARGS_MAX 64 /* of --task, and of --held-out */

struct bit_eval_ask {
    const char *what; /* a checkpoint's folder, another model's folder or file, or a run */
    bool has_step;
    uint64_t step;                                /* of a run's checkpoint; the newest without it */
    const char *task[BIT_EVAL_SPEC_ARGS_MAX];     /* FILE, NAME=FILE, or a folder of request files */
    const char *held_out[BIT_EVAL_SPEC_ARGS_MAX]; /* NAME=FILE[,FILE]... */
    size_t task_count, held_out_count;
    bool has_precision, both; /* has_precision: both, or this one; else those that the run itself would evaluate in */
    Bit__Precision precision;
    bool damage; /* the sets with each part of the ternary phase alone, too */
};

struct bit_eval_spec {
    Bit__RunSpec *spec; /* as somebody would write it; the caller's */
    char name[BIT_NAME_MAX + 1];
    bool foreign; /* no checkpoint of ours: nothing is known of it but what its folder says */
};

/**
 * Make it: the model, its tokenizer and quantizer as the checkpoint's manifest has them, and of a run also how its
 * ranks are launched; the tasks and sets that were asked for, or else those of the specification that it was trained
 * by. Without --precision a ternary checkpoint is evaluated as such, any other in both.
 * Returns     0, or the exit code after everything was said
 */
int bit_eval_spec_make(struct bit_cli *cli, const struct bit_eval_ask *ask, struct bit_eval_spec *out);

#endif
