/* Makes the specification of a run without steps from the arguments of `bitctl eval`. */
#ifndef BIT_CTL_EVAL_SPEC_H
#define BIT_CTL_EVAL_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl/cli/verb.h"
#include "ctl/client/checkpoint_of.h"
#include "proto/bit.pb-c.h"
#include "proto/limits.h"

#define BIT_EVAL_SPEC_ARGS_MAX 64 /* of --task, and of --held-out */

struct bit_eval_ask {
    const char *what; /* a checkpoint's folder, another model's folder or file, or a run */
    bool has_step;
    uint64_t step;                                /* the run's checkpoint of this step; without it the newest */
    const char *task[BIT_EVAL_SPEC_ARGS_MAX];     /* FILE, NAME=FILE, or a folder of request files */
    const char *held_out[BIT_EVAL_SPEC_ARGS_MAX]; /* NAME=FILE[,FILE]... */
    size_t task_count, held_out_count;
    bool has_precision, both; /* has_precision: in both, or in `precision`; else as the run itself would be evaluated */
    Bit__Precision precision;
    bool damage; /* also evaluate the sets with each part of the ternary phase alone */
};

struct bit_eval_spec {
    Bit__RunSpec *spec; /* as a user would write it; the caller's */
    char name[BIT_NAME_MAX + 1];
    struct bit_checkpoint_choice choice; /* if `what` is a run; else all zero */
    bool foreign;                        /* no checkpoint of bitd: only what its folder says is known */
};

/**
 * Make it from: the model, tokenizer and quantizer of the checkpoint's manifest; the launch settings if `what` is a
 * run; the tasks and sets of the arguments, else those of the specification that it was trained by. Without --precision
 * a ternary checkpoint is evaluated in ternary, any other in both.
 * Returns     0, or the exit code after the reason was printed
 */
int bit_eval_spec_make(struct bit_cli *cli, const struct bit_eval_ask *ask, struct bit_eval_spec *out);

#endif
